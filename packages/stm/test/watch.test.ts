import { expect, test } from 'vitest'
import { createWatchers, watchKey } from '../src/index.ts'
import { cardsNamed, register } from './policies.ts'
import { replica } from './replica.ts'

const fail = (error: unknown): void => {
  throw error
}

test('[WA1] a listener is called once for each notification, in the order of subscription', () => {
  const heard: string[] = []
  const watchers = createWatchers<number>(fail)
  watchers.subscribe(['b', 'a', 'b'], (event) => heard.push(`first ${event}`))
  watchers.subscribe(['a'], (event) => heard.push(`second ${event}`))
  watchers.subscribe(['b'], (event) => heard.push(`third ${event}`))
  watchers.notify(new Set(['a', 'b']), 1)
  watchers.notify(new Set(['b', 'a', 'c', 'd', 'e']), 2)
  expect(heard).toEqual(['first 1', 'second 1', 'third 1', 'first 2', 'second 2', 'third 2'])
})

test('[WA1] the same listener may be subscribed twice, and each subscription is its own', () => {
  let calls = 0
  const watchers = createWatchers<number>(fail)
  const listener = (): void => void (calls += 1)
  const unsubscribe = watchers.subscribe(['a'], listener)
  watchers.subscribe(['a'], listener)
  watchers.notify(new Set(['a']), 1)
  expect(calls).toBe(2)
  unsubscribe()
  unsubscribe()
  watchers.notify(new Set(['a']), 2)
  expect([calls, watchers.size]).toEqual([3, 1])
})

test('[WA2] only who watches a changed cell is called', () => {
  const heard: string[] = []
  const watchers = createWatchers<number>(fail)
  for (const key of ['a', 'b', 'c']) watchers.subscribe([key], () => heard.push(key))
  watchers.subscribe([], () => heard.push('nothing'))
  watchers.notify(new Set(['b', 'x']), 1)
  watchers.notify(new Set(), 2)
  watchers.notify(new Set(['a', 'p', 'q', 'r', 's']), 3)
  expect(heard).toEqual(['b', 'a'])
})

test('[WA3] who unsubscribes while others are called is not called any more; who subscribes is called from the next time on', () => {
  const heard: string[] = []
  const watchers = createWatchers<number>(fail)
  watchers.subscribe(['a'], (event) => {
    heard.push(`first ${event}`)
    leave()
    if (event === 1) watchers.subscribe(['a'], () => heard.push(`late ${event}`))
  })
  const leave = watchers.subscribe(['a'], (event) => heard.push(`second ${event}`))
  watchers.notify(new Set(['a']), 1)
  watchers.notify(new Set(['a']), 2)
  expect(heard).toEqual(['first 1', 'first 2', 'late 1'])
})

test('[WA3] who has unsubscribed is not called, whatever has become of the list of keys that it came with', () => {
  const heard: string[] = []
  const watchers = createWatchers<string>(fail)
  const keys = ['a']
  const unsubscribe = watchers.subscribe(keys, (event) => heard.push(event))
  keys[0] = 'b'
  watchers.notify(new Set(['a']), 'watched')
  unsubscribe()
  for (const key of ['a', 'b']) watchers.notify(new Set([key]), 'unsubscribed')
  expect([heard, watchers.size]).toEqual([['watched'], 0])
})

test('[WA3] a notification inside of another reaches everybody, and the outer one goes on', () => {
  const heard: string[] = []
  const watchers = createWatchers<number>(fail)
  watchers.subscribe(['a'], (event) => {
    heard.push(`first ${event}`)
    if (event === 1) watchers.notify(new Set(['a']), 2)
  })
  watchers.subscribe(['a'], (event) => heard.push(`second ${event}`))
  watchers.notify(new Set(['a']), 1)
  expect(heard).toEqual(['first 1', 'first 2', 'second 2', 'second 1'])
})

test('[WA3] after clear nobody is called, not even in the notification that is under way', () => {
  const heard: string[] = []
  const watchers = createWatchers<number>(fail)
  const unsubscribes = [
    watchers.subscribe([], () => heard.push('nothing')),
    watchers.subscribe(['a'], () => watchers.clear()),
    watchers.subscribe(['a'], () => heard.push('second')),
  ]
  watchers.notify(new Set(['a']), 1)
  watchers.notify(new Set(['a']), 2)
  for (const unsubscribe of unsubscribes) unsubscribe()
  expect([heard, watchers.size]).toEqual([[], 0])
})

test('[WA4] a listener that throws is reported and harms nobody else', () => {
  const errors: unknown[] = []
  const heard: string[] = []
  const watchers = createWatchers<number>((error) => errors.push(error))
  const mistake = new Error('mine')
  watchers.subscribe(['a'], () => {
    throw mistake
  })
  watchers.subscribe(['a'], () => heard.push('second'))
  watchers.notify(new Set(['a']), 1)
  expect([errors, heard]).toEqual([[mistake], ['second']])
})

test('[WA5] the cost follows what changed: of 10,000 watched cells one changes, and one subscription is looked at', () => {
  const watchers = createWatchers<number>(fail)
  let calls = 0
  for (let i = 0; i < 10_000; i++) watchers.subscribe([`cell ${i}`], () => (calls += 1))
  let asked = 0
  const counting = new Set(['cell 7'])
  counting.has = (key) => {
    asked += 1
    return Set.prototype.has.call(counting, key)
  }
  watchers.notify(counting, 1)
  expect([calls, asked]).toEqual([1, 0])
})

test('[WA6] a commit names the refs, collections and lists that read differently after it, and no others', () => {
  const { memory, transact } = replica()
  const title = register('title', '')
  const cards = cardsNamed('cards')
  const todo = cards.list('todo')
  const done = cards.list('done')
  transact((tx) => {
    tx.create(cards.at('a'), { title: 'A' })
    tx.create(cards.at('b'), { title: 'B' })
    tx.moveAll([cards.at('a'), cards.at('b')], todo)
  })
  for (const readable of [cards, todo, done]) memory.snapshot.get(readable)
  const changed = (body: Parameters<typeof transact>[0]): Set<string> => new Set(transact(body).changed)
  expect(changed((tx) => tx.set(title, 'x'))).toEqual(new Set([watchKey(title)]))
  expect(changed((tx) => tx.set(title, 'x'))).toEqual(new Set())
  expect(changed((tx) => tx.patch(cards.at('a'), { title: 'A2' }))).toEqual(new Set([cards.at('a').key]))
  expect(changed((tx) => tx.move(cards.at('a'), todo, 1))).toEqual(new Set([cards.at('a').key, todo.key]))
  expect(changed((tx) => tx.move(cards.at('a'), done))).toEqual(new Set([cards.at('a').key, todo.key, done.key]))
  expect(changed((tx) => tx.create(cards.at('c'), {}))).toEqual(new Set([cards.at('c').key, cards.key]))
  expect(changed((tx) => tx.delete(cards.at('a')))).toEqual(new Set([cards.at('a').key, cards.key, done.key]))
  expect([watchKey(cards), watchKey(todo)]).toEqual([cards.key, todo.key])
})

test('[WA7] a follower changes what it watches and keeps its place in the order', () => {
  const heard: string[] = []
  const watchers = createWatchers<number>(fail)
  const follower = watchers.follow({
    hear(event) {
      heard.push(`first ${event}`)
      if (event === 2) follower.watch('all')
      if (event === 3) follower.watch(['b'])
    },
  })
  watchers.subscribe(['a', 'b', 'c'], (event) => heard.push(`second ${event}`))
  const told = (event: number, ...changed: readonly string[]): string[] => {
    watchers.notify(new Set(changed), event)
    return heard.splice(0)
  }
  expect(told(1, 'a')).toEqual(['second 1'])
  follower.watch(['a'])
  expect(told(2, 'a', 'b')).toEqual(['first 2', 'second 2'])
  expect(told(0)).toEqual(['first 0'])
  expect(told(3, 'c')).toEqual(['first 3', 'second 3'])
  expect(told(4, 'a')).toEqual(['second 4'])
  expect(told(5, 'b')).toEqual(['first 5', 'second 5'])
  follower.end()
  follower.watch('all')
  expect([told(6, 'b'), watchers.size]).toEqual([['second 6'], 1])
})
