import { expect, test } from 'vitest'
import { createMemory, emptyBasis, type Op, type Value } from '../src/index.ts'
import { cardsNamed, register, tally } from './policies.ts'
import { replica } from './replica.ts'

const op = (tag: string, address: string, payload: Value): Op => ({ tag, address, arbiter: 'local', payload })
const stamp = (at: number): { readonly at: number; readonly writer: string } => ({ at, writer: 'w' })
const basis = (relaySeq: number): typeof emptyBasis => ({ ...emptyBasis, relaySeq })

test('[SN1] a snapshot stays true for ever, and gives the same object each time', () => {
  const { memory, transact } = replica()
  const title = register('title', { text: 'old' })
  const cards = cardsNamed('cards')
  transact((tx) => {
    tx.create(cards.at('a'), { title: 'A' })
    tx.move(cards.at('a'), cards.list('todo'))
  })
  const old = memory.snapshot
  const seen = [old.get(title), old.get(cards), old.get(cards.at('a'))]
  for (let i = 0; i < 3000; i++) {
    transact((tx) => {
      tx.set(title, { text: `new ${i}` })
      tx.create(cards.at(`card ${i}`), {})
      if (i === 7) tx.delete(cards.at('a'))
    })
  }
  expect([old.get(title), old.get(cards), old.get(cards.at('a'))].map((value, i) => value === seen[i])).toEqual([
    true,
    true,
    true,
  ])
  // Asked for the first time now, of a version that is gone.
  expect(old.get(cards.list('todo'))).toEqual(['a'])
  expect(old.get(cards.list('todo'))).toBe(old.get(cards.list('todo')))
  expect(Array.from(old.items(cards))).toEqual([['a', { title: 'A', at: { parent: 'todo', key: 'naa' } }]])
  expect(memory.snapshot.get(cards).length).toBe(3000)
  expect(memory.snapshot.get(cards.list('todo'))).toEqual([])
})

test('[SN2] the newest snapshot is one object until the next Change, and each Change makes one more', () => {
  const memory = createMemory()
  const votes = tally('votes')
  memory.adopt(votes.policy)
  const first = memory.snapshot
  expect(memory.snapshot).toBe(first)
  memory.apply([op('tally', 'votes', 1), op('tally', 'votes', 2)], stamp(1), basis(1))
  const second = memory.snapshot
  expect([first.get(votes), second.get(votes), second.basis.relaySeq]).toEqual([0, 3, 1])
  memory.put(new Map(), second.basis)
  expect(memory.snapshot).toBe(second)
  // The relay has stored what was here before: nothing reads differently, but the snapshot stands at another basis.
  expect(memory.put(new Map(), basis(2)).size).toBe(0)
  expect([memory.snapshot === second, memory.snapshot.basis.relaySeq, second.basis.relaySeq]).toEqual([false, 2, 1])
})

test('[SN2] a Change that leaves a state as it is changes nothing', () => {
  const memory = createMemory()
  const votes = tally('votes')
  memory.apply([op('tally', 'votes', 1)], stamp(1), basis(1))
  expect(memory.snapshot.get(votes)).toBe(1)
  expect(memory.apply([op('tally', 'votes', 'nonsense')], stamp(2), basis(2)).size).toBe(0)
  expect(memory.apply([op('tally', 'other', 'nonsense')], stamp(3), basis(3)).size).toBe(0)
  expect(memory.snapshot.get(votes)).toBe(1)
})

test('[SN3] operations wait for their policy; then every snapshot reads what it had of them', () => {
  const memory = createMemory()
  const votes = tally('votes')
  memory.apply([op('tally', 'votes', 1)], stamp(1), basis(1))
  memory.apply([op('tally', 'votes', 2)], stamp(2), basis(2))
  const atThree = memory.snapshot
  memory.apply([op('tally', 'votes', 4)], stamp(3), basis(3))
  const atSeven = memory.snapshot
  memory.apply([op('tally', 'votes', 8)], stamp(4), atSeven.basis)
  const newest = memory.snapshot
  expect(newest).not.toBe(atSeven)
  expect([atThree, atSeven, newest].map((snapshot) => snapshot.get(votes))).toEqual([3, 7, 15])
  expect(memory.snapshot).toBe(newest)
  memory.apply([op('tally', 'votes', 16)], stamp(5), basis(5))
  expect([atThree, atSeven, newest, memory.snapshot].map((snapshot) => snapshot.get(votes))).toEqual([3, 7, 15, 31])
})

test('[SN3] the binder of a policy is given what waited for it, once', () => {
  const calls: (readonly [string, number])[] = []
  const memory = createMemory((policy, waiting) => {
    calls.push([policy.tag, waiting.length])
    return policy
  })
  memory.apply([op('tally', 'votes', 1), op('tally', 'other', 1)], stamp(1), basis(1))
  expect([memory.snapshot.get(tally('votes')), memory.snapshot.get(tally('other'))]).toEqual([1, 1])
  expect(memory.snapshot.get(register('title', ''))).toBe('')
  expect(calls).toEqual([
    ['tally', 2],
    ['register', 0],
  ])
})

test('[SN3] what is forgotten while it waits is never folded', () => {
  const memory = createMemory()
  memory.apply([op('tally', 'votes', 1)], stamp(1), basis(1))
  memory.apply([op('tally', 'votes', 2)], stamp(2), basis(2))
  memory.apply([op('register', 'title', ['x'])], stamp(2), basis(3))
  memory.forget(({ at }) => at === 2)
  expect([memory.snapshot.get(tally('votes')), memory.snapshot.get(register('title', 'none'))]).toEqual([1, 'none'])
})

test('[SN6] a cell that is put back to no state reads as if nobody had written', () => {
  const { memory, transact } = replica()
  const cards = cardsNamed('cards')
  const todo = cards.list('todo')
  transact((tx) => {
    tx.create(cards.at('a'), {})
    tx.move(cards.at('a'), todo)
  })
  const before = memory.snapshot
  expect([before.get(cards), before.get(todo)]).toEqual([['a'], ['a']])
  const changed = memory.put(new Map([[cards.at('a').key, undefined]]), basis(9))
  expect(new Set(changed)).toEqual(new Set([cards.at('a').key, cards.key, todo.key]))
  expect([memory.snapshot.get(cards), memory.snapshot.get(todo), memory.snapshot.get(cards.at('a'))]).toEqual([
    [],
    [],
    undefined,
  ])
  expect([before.get(cards), before.get(todo)]).toEqual([['a'], ['a']])
  expect(memory.state(cards.at('a').key)).toBeUndefined()
})

test('[SN1] a method taken out of its Snapshot says how it is to be called', () => {
  const memory = createMemory()
  const votes = tally('votes')
  const { get, read, items, with: what } = memory.snapshot
  for (const call of [() => get(votes), () => read(votes), () => items(cardsNamed('rows')), () => what(() => 1)]) {
    expect(call).toThrow(expect.objectContaining({ name: 'StmError', code: 'detached-method' }))
  }
  expect(() => get(votes)).toThrow('Call snapshot.get(…)')
})

test('[CO9] what was made ready reads as it does for who reads it first, also when something is committed in between', () => {
  for (const stopAfter of [0, 1, 3, 1_000]) {
    const { memory, transact } = replica()
    const cards = cardsNamed('cards')
    const todo = cards.list('todo')
    transact((tx) => {
      for (let i = 0; i < 3_000; i++) {
        const card = cards.at(`card ${(i * 7) % 3_000}`)
        tx.create(card, { title: `${i}` })
        if (i % 3 === 0) tx.move(card, todo)
      }
      tx.delete(cards.at('card 5'))
    })
    const steps = [cards, todo, cardsNamed('others'), register('title', '')].map((readable) => memory.ready(readable))
    let taken = 0
    for (const work of steps) {
      for (const count of work) {
        expect(count).toBeGreaterThan(0)
        if (++taken === stopAfter) transact((tx) => (tx.create(cards.at('new'), {}), tx.delete(cards.at('card 6'))))
      }
    }
    const { memory: plain, transact: plainly } = replica()
    plainly((tx) => {
      for (const id of memory.snapshot.get(cards)) {
        tx.create(cards.at(id), { title: memory.snapshot.get(cards.at(id))!.title as string })
      }
    })
    expect(taken).toBeGreaterThan(3)
    expect(memory.snapshot.get(cards)).toEqual(plain.snapshot.get(cards))
    expect(memory.snapshot.get(cards).includes('new')).toBe(taken >= stopAfter && stopAfter > 0)
    expect(memory.snapshot.get(todo)).toHaveLength(memory.snapshot.get(cards).filter((id) => placeIn(id)).length)
    // It is kept up to date from then on.
    transact((tx) => (tx.create(cards.at('newest'), {}), tx.move(cards.at('newest'), todo, 0)))
    expect(memory.snapshot.get(cards)).toContain('newest')
    expect(memory.snapshot.get(todo)[0]).toBe('newest')

    function placeIn(id: string): boolean {
      return memory.snapshot.get(cards.at(id))!.at !== undefined
    }
  }
})
