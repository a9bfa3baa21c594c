import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { createMemory, diff, emptyBasis, makeRef, noting, type Policy, type Ref, type Snapshot } from '../src/index.ts'
import { Versions } from '../src/versions.ts'
import { cardsNamed, note, register, tally } from './policies.ts'
import { replica, thrownBy } from './replica.ts'

const cards = cardsNamed('cards')
const title = register('title', 'initial')
const votes = tally('votes')

test('[SN7] what a body throws is thrown on, and a body that cannot be over is refused', () => {
  const { memory, transact } = replica()
  const { snapshot } = memory
  const mine = new Error('mine')
  const fail = (): never => {
    throw mine
  }
  expect(() => snapshot.with((tx) => (tx.set(title, 'x'), fail()))).toThrow(mine)
  expect(thrownBy(() => snapshot.with(async (tx) => tx.set(title, 'x')))).toMatchObject({ code: 'async-body' })
  expect(thrownBy(() => snapshot.with((tx) => tx.retry()))).toMatchObject({ code: 'would-block' })
  expect(thrownBy(() => snapshot.with((tx) => void tx.savepoint(() => Promise.resolve())))).toMatchObject({
    code: 'async-body',
  })
  expect(thrownBy(() => snapshot.with((tx) => tx.patch(cards.at('a'), { title: 'x' })))).toMatchObject({
    code: 'missing-member',
  })
  let kept: { get(ref: typeof title): string } | undefined
  snapshot.with((tx) => (kept = tx))
  expect(thrownBy(() => kept!.get(title))).toMatchObject({ code: 'transaction-finished' })
  expect(memory.snapshot).toBe(snapshot)
  // The next real transaction is as if nothing had been asked.
  expect(transact((tx) => tx.set(title, 'y')).ops).toMatchObject([{ payload: ['y'] }])
})

test('[SN7] effects and sends of a body are forgotten, once is its own, and peek and ensure do nothing', () => {
  const { memory } = replica()
  let asked = 0
  const body = (snapshot: Snapshot): Snapshot =>
    snapshot.with((tx) => {
      tx.effect('mail', { to: 'ada' })
      tx.ensure(votes)
      tx.set(title, `${tx.peek(title)} ${tx.once('io', () => ++asked)}`)
    })
  const made = body(body(memory.snapshot))
  expect([made.get(title), made.isSpeculative, memory.snapshot.isSpeculative]).toEqual(['initial 1 2', true, false])
})

test('[SN7] a Snapshot with a body on top stays as it is, whatever is committed under it', () => {
  const { memory, transact } = replica()
  transact((tx) => tx.create(cards.at('a'), { title: 'A' }))
  const made = memory.snapshot.with((tx) => {
    tx.create(cards.at('b'), { title: 'B' })
    tx.set(title, 'what if')
    tx.insert(note('text'), 0, 'new ')
  })
  for (let i = 0; i < 3000; i++) transact((tx) => tx.set(title, `${i}`))
  transact((tx) => tx.delete(cards.at('a')))
  transact((tx) => tx.create(cards.at('b'), { title: 'other' }))
  expect([made.get(title), made.get(cards), made.get(cards.at('b'))?.title, made.get(note('text'))]).toEqual([
    'what if',
    ['a', 'b'],
    'B',
    'new ',
  ])
  expect(made.with((tx) => tx.delete(cards.at('a'))).get(cards)).toEqual(['b'])
})

test('[SN8] Snapshots of two memories, and what is no Snapshot, cannot be compared', () => {
  const [one, two] = [createMemory().snapshot, createMemory().snapshot]
  const none = { ...one }
  for (const [before, after] of [
    [one, two],
    [one.with((tx) => tx.set(title, 'x')), two],
    [one, none],
    [none, one],
  ] as const) {
    const { code, message } = thrownBy(() => diff(before, after))
    expect(code).toBe('unknown-snapshot')
    expect(message).toMatch(/Pass two Snapshots of one store/)
  }
  expect([createMemory().owns(one), diff(one, one).keys.size]).toEqual([false, 0])
})

test('[SN8] what was written before its policy was known differs when the policy is', () => {
  const memory = createMemory()
  const before = memory.snapshot
  const op = { tag: 'register', address: 'title', arbiter: 'local', payload: ['x'] } as const
  memory.apply([op], { at: 1, writer: 'w' }, { ...emptyBasis, relaySeq: 1 })
  const found = diff(before, memory.snapshot)
  expect(found.keys.size).toBe(0)
  expect([found.has(title), [...found.keys]]).toEqual([true, [title.key]])
})

test('[SN8] the cost of a diff is what was written between the two, however much there is and was', () => {
  const versions = new Versions(emptyBasis)
  const memory = createMemory()
  let asked = 0
  const { policy } = tally('any')
  const counting: Policy = {
    ...policy,
    tag: 'counted',
    read(state, ref) {
      asked += 1
      return policy.read(state, ref)
    },
  }
  const refs = Array.from({ length: 5000 }, (_, i): Ref<number, { add: true }> => makeRef(counting, `cell.${i}`, 0))
  memory.adopt(counting)
  const write = (i: number): void => {
    const op = { tag: 'counted', address: `cell.${i}`, arbiter: 'local', payload: 1 } as const
    memory.apply([op], { at: 1, writer: 'w' }, { ...emptyBasis, relaySeq: versions.newest.number + 1 })
  }
  for (let i = 0; i < 5000; i++) write(i)
  const before = memory.snapshot
  write(7)
  write(8)
  write(7)
  const after = memory.snapshot
  asked = 0
  const { keys, has } = diff(after, before)
  expect([[...keys].toSorted(), asked]).toEqual([[refs[7]!.key, refs[8]!.key], 0])
  expect([has(refs[7]!), asked]).toEqual([true, 2])
  expect([refs.filter(has).length, asked]).toEqual([2, 6])
  // Much is written later, and the two are read after that.
  for (let i = 0; i < 3000; i++) write(i % 50)
  expect(diff(before, after).keys.has(refs[8]!.key)).toBe(true)
  expect(diff(before, after).keys.size).toBe(2)
})

test('[SN9] a Snapshot notes what is read from it, also by what lies on top', () => {
  const { memory, transact } = replica()
  transact((tx) => tx.create(cards.at('a'), { title: 'A' }))
  const noted = new Map<string, unknown>()
  const reader = noting(memory.snapshot, ({ key }, value) => noted.set(key, value))
  expect([...reader.items(cards)].map(([id]) => id)).toEqual(['a'])
  expect([...noted.keys()]).toEqual([cards.key, cards.at('a').key])
  noted.clear()
  const made = reader.with((tx) => {
    tx.add(votes, 1)
    tx.set(title, `${tx.get(cards).length}`)
  })
  expect(new Set(noted.keys())).toEqual(new Set([cards.key, votes.key, title.key]))
  expect(made.with((tx) => tx.update(register('other', 0), (n) => n + 1)).get(cards.at('b'))).toBeUndefined()
  expect(new Set(noted.keys())).toEqual(new Set([cards.key, votes.key, title.key, 'register other', cards.at('b').key]))
  // What it tells is what is under it, which a change can be compared with.
  expect([made.get(title), noted.get(title.key)]).toEqual(['1', 'initial'])
})

test('[SN5] a Snapshot that nobody holds is collected, and so is one with a body on top, with what lies in it', async () => {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  const collect = async (): Promise<void> => {
    // A WeakRef keeps what it refers to until the task that made it is over.
    for (let i = 0; i < 2; i++) {
      await new Promise((resolve) => setImmediate(resolve))
      gc()
    }
  }
  const { memory, transact } = replica()
  const watched: WeakRef<object>[] = []
  const watch = <T extends object>(one: T): T => {
    watched.push(new WeakRef(one))
    return one
  }
  let kept: Snapshot | undefined
  function work(i: number): void {
    transact((tx) => tx.set(title, `${i}`))
    const snapshot = watch(memory.snapshot)
    const made = watch(snapshot.with((tx) => tx.set(title, 'what if')))
    watch(made.with((tx) => tx.set(title, 'and then')))
    watch(diff(snapshot, made))
    if (i === 1000) kept = made
  }
  for (let i = 0; i < 2000; i++) work(i)
  await collect()
  const alive = (): unknown[] => watched.flatMap((ref) => ref.deref() ?? [])
  // Code that is being compiled may hold on to what it has seen for a while.
  for (let tries = 0; tries < 20 && alive().length > 3; tries++) await collect()
  // The newest, and the one that is held with the one under it.
  expect(alive().length).toBeLessThanOrEqual(3)
  expect(alive()).toContain(kept)
  expect(kept!.get(title)).toBe('what if')
  kept = undefined
  await collect()
  expect(alive()).toEqual([memory.snapshot])
})
