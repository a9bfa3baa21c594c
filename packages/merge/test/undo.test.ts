import {
  cellKey,
  invert,
  noPast,
  takeBack,
  type Inverse,
  type Op,
  type Past,
  type Reversal,
  type Stamp,
  type Value,
} from '@syncline/stm'
import { expect, test } from 'vitest'
import { collection, count, counter, list, lww, optional, place, record } from '../src/index.ts'
import { createReplica, type Replica } from './replica.ts'
import { createUndoing, type Undoing } from './undoing.ts'

const title = lww('title', 'untitled')
const votes = counter('votes')
const steps = list<string>('steps')
const settings = record('settings', { theme: 'light', last: optional<string>(), starts: count() })
const cards = collection('cards', { title: '', due: optional<number>(), votes: count(), at: place() })
const card = cards.at('a')
const [todo, done] = [cards.list('todo'), cards.list('done')]
const policies = [title, votes, steps, settings, card].map(({ policy }) => policy)

/** Two who see at once what the other does. */
function two(): { me: Undoing; other: Replica; both(act: () => unknown): void } {
  const me = createUndoing(createReplica('me', policies))
  const other = createReplica('other', policies)
  // Whoever acts, the Change is received by both; each ignores its own.
  const both = (act: () => unknown): void => {
    const made = act() as { readonly writer: string } | { readonly change?: any } | undefined
    const change: any = made !== undefined && 'writer' in made ? made : made?.change
    if (change === undefined) return
    me.replica.receive(change)
    other.receive(change)
  }
  return { me, other, both }
}

test('[ME60] a register that nobody had written reads what it starts with again', () => {
  const { me } = two()
  me.transact((tx) => tx.set(title, 'Plan'))
  me.transact((tx) => tx.patch(settings, { theme: 'dark', last: 'x' }))
  me.undo()
  me.undo()
  const { snapshot } = me.replica.memory
  expect([snapshot.get(title), snapshot.get(settings)]).toEqual(['untitled', { theme: 'light', starts: 0 }])
})

test('[ME61] of one write the fields that others wrote later stay, and are named; the rest goes back', () => {
  const { me, other, both } = two()
  both(() => me.transact((tx) => tx.create(card, { title: 'one' })))
  both(() => me.transact((tx) => tx.patch(card, { title: 'two', due: 5 })))
  both(() => other.transact((tx) => tx.patch(card, { title: 'theirs' })))
  const taken = me.undo()!
  expect(taken.superseded).toEqual([{ key: card.key, tag: 'record', address: 'cards/a', part: 'title' }])
  expect(me.replica.memory.snapshot.get(card)).toEqual({ title: 'theirs', votes: 0 })
})

test('[ME61] what stands as it was put back can be taken back in its turn, but not what it was put back over', () => {
  const { me, other, both } = two()
  both(() => me.transact((tx) => tx.set(title, 'A')))
  both(() => me.transact((tx) => tx.set(title, 'B')))
  me.undo()
  expect(me.replica.memory.snapshot.get(title)).toBe('A')
  me.redo()
  me.undo()
  me.undo()
  expect(me.replica.memory.snapshot.get(title)).toBe('untitled')

  both(() => me.transact((tx) => tx.set(title, 'A')))
  both(() => other.transact((tx) => tx.set(title, 'theirs')))
  both(() => me.transact((tx) => tx.set(title, 'C')))
  both(() => me.undo())
  expect(me.replica.memory.snapshot.get(title)).toBe('theirs')
  const taken = me.undo()!
  expect(taken.change).toBe(undefined)
  expect(taken.superseded.map(({ key }) => key)).toEqual([title.key])
  expect(me.replica.memory.snapshot.get(title)).toBe('theirs')
})

test('[ME62] additions are subtracted exactly, whatever others added', () => {
  const { me, other, both } = two()
  both(() => other.transact((tx) => tx.add(votes, 0.1)))
  both(() => me.transact((tx) => tx.add(votes, 0.2)))
  both(() => me.transact((tx) => tx.add(votes, Number.MAX_SAFE_INTEGER)))
  both(() => me.transact((tx) => tx.add(votes, Number.MAX_SAFE_INTEGER), true))
  both(() => other.transact((tx) => tx.add(votes, 0.3)))
  // Twice the greatest number that can be added at once.
  both(() => me.undo())
  expect(other.memory.snapshot.get(votes)).toBe(0.6)
  both(() => me.undo())
  expect(other.memory.snapshot.get(votes)).toBe(0.1 + 0.3)
  both(() => me.redo())
  both(() => me.redo())
  both(() => me.undo())
  both(() => me.undo())
  expect(other.memory.snapshot.get(votes)).toBe(0.4)
})

test('[ME62] what is there neither changes what it takes to subtract, nor is in its way', () => {
  const { policy } = votes
  const reversal = policy.reversal as Reversal
  expect([reversal.commutes, (title.policy.reversal as Reversal).commutes]).toEqual([true, undefined])
  const states = [
    undefined,
    ...[
      [0, 3],
      [0, [0.1, 0.2]],
      [0, -7],
    ].map((payload, at) => policy.apply(undefined, payload, { at, writer: 'w' })),
  ]
  const payloads = [
    [0, 5],
    [0, 0.1],
    [0, [1e100, 1]],
  ]
  for (const payload of payloads) {
    const inverses = states.map((state) => reversal.inverse(state, payload, noPast)!)
    for (const inverse of inverses) expect(inverse).toEqual(inverses[0])
    const reverted = states.map((state) =>
      reversal.revert(state, [{ inverse: inverses[0]!, stamp: { at: 9, writer: 'w' } }], noPast),
    )
    for (const one of reverted) expect(one).toEqual({ ...reverted[0], superseded: [] })
  }
})

test('[ME63] a member that was created is deleted, unless somebody else has written to it', () => {
  const { me, other, both } = two()
  both(() => me.transact((tx) => tx.create(card, { title: 'mine' })))
  both(() => me.undo())
  expect(other.memory.snapshot.get(card)).toBe(undefined)
  both(() => me.redo())
  expect(other.memory.snapshot.get(card)).toEqual({ title: 'mine', votes: 0 })
  both(() => other.transact((tx) => tx.add(card, 1, 'votes')))
  both(() => other.transact((tx) => tx.patch(card, { due: 3 })))
  const taken = me.undo()!
  expect(taken.change).toBe(undefined)
  expect(taken.superseded.map(({ part }) => part).sort()).toEqual(['due', 'votes'])
  expect(other.memory.snapshot.get(card)).toEqual({ title: 'mine', due: 3, votes: 1 })
})

test('[ME63] a member that was deleted is created again with its fields, counts and places', () => {
  const { me, other, both } = two()
  both(() =>
    me.transact((tx) => {
      for (const id of ['a', 'b', 'c']) {
        tx.create(cards.at(id), { title: id })
        tx.move(cards.at(id), todo)
      }
      tx.add(cards.at('b'), 0.1, 'votes')
    }),
  )
  both(() => other.transact((tx) => tx.add(cards.at('b'), 0.2, 'votes')))
  const before = other.memory.snapshot.get(cards.at('b'))
  both(() => me.transact((tx) => tx.delete(cards.at('b'))))
  both(() => me.undo())
  expect(other.memory.snapshot.get(cards.at('b'))).toEqual(before)
  expect(other.memory.snapshot.get(todo)).toEqual(['a', 'b', 'c'])

  both(() => me.redo())
  both(() => other.transact((tx) => tx.create(cards.at('b'), { title: 'theirs' })))
  expect(me.undo()!.superseded.map(({ part }) => part)).toEqual([''])
  expect(me.replica.memory.snapshot.get(cards.at('b'))).toEqual({ title: 'theirs', votes: 0 })
})

test('[ME61] a member that was moved goes back to its place, unless moved since', () => {
  const { me, other, both } = two()
  both(() =>
    me.transact((tx) => {
      for (const id of ['a', 'b', 'c']) tx.create(cards.at(id), {})
      tx.moveAll([cards.at('a'), cards.at('b'), cards.at('c')], todo)
    }),
  )
  both(() => me.transact((tx) => tx.move(cards.at('b'), done)))
  both(() => me.undo())
  expect(other.memory.snapshot.get(todo)).toEqual(['a', 'b', 'c'])
  both(() => me.redo())
  both(() => other.transact((tx) => tx.move(cards.at('b'), todo, 0)))
  expect(me.undo()!.superseded.map(({ part }) => part)).toEqual(['at'])
  expect(me.replica.memory.snapshot.get(todo)).toEqual(['b', 'a', 'c'])
})

test('[ME64] an item that was removed is back at its place, once, also when two put it back', () => {
  const me = createUndoing(createReplica('me', policies))
  const other = createUndoing(createReplica('other', policies))
  const first = me.transact((tx) => tx.insert(steps, 0, ['x', 'y', 'z']))!
  other.replica.receive(first)
  const mine = [me.transact((tx) => tx.remove(steps, 1, 1))!, me.undo()!.change!]
  const theirs = [other.transact((tx) => tx.remove(steps, 1, 1))!, other.undo()!.change!]
  for (const change of mine) other.replica.receive(change)
  for (const change of theirs) me.replica.receive(change)
  expect(me.replica.memory.snapshot.get(steps)).toEqual(['x', 'y', 'z'])
  expect(other.replica.memory.snapshot.get(steps)).toEqual(['x', 'y', 'z'])

  other.replica.receive(me.transact((tx) => tx.reorder(steps, 1, 0))!)
  other.replica.receive(me.undo()!.change!)
  expect(other.replica.memory.snapshot.get(steps)).toEqual(['x', 'y', 'z'])
})

test('[ME64] an item that others moved since it was inserted stays', () => {
  const { me, other, both } = two()
  both(() => me.transact((tx) => tx.insert(steps, 0, ['x', 'y'])))
  both(() => other.transact((tx) => tx.reorder(steps, 0, 1)))
  expect(me.undo()!.superseded).toHaveLength(1)
  expect(me.replica.memory.snapshot.get(steps)).toHaveLength(1)
})

test('[ME65] several operations are taken back as one, to what was before the first', () => {
  const { me, other, both } = two()
  both(() => me.transact((tx) => tx.set(title, 'start')))
  both(() => me.transact((tx) => tx.create(card, { title: '1' })))
  for (let i = 2; i < 9; i++) both(() => me.transact((tx) => tx.patch(card, { title: `${i}` }), true))
  both(() => me.transact((tx) => tx.delete(card), true))
  both(() => me.transact((tx) => tx.set(title, 'end'), true))
  const taken = me.undo()!
  both(() => taken)
  // The member came and went meanwhile.
  expect(taken.change!.ops.map(({ payload }) => payload)).toEqual([[0, 'start']])
  expect([other.memory.snapshot.get(title), other.memory.snapshot.get(card)]).toEqual(['start', undefined])
})

test('[ME66] an inverse is as large as what was written and replaced, however large the rest is', () => {
  const sizeOf = (replica: Replica, ops: readonly Op[]): number =>
    JSON.stringify(invert(replica.memory, ops, () => noPast)!().map(({ inverse }) => inverse)).length
  for (const others of [0, 3_000]) {
    const replica = createReplica('w1', policies)
    replica.transact((tx) => {
      tx.insert(steps, 0, [...Array.from({ length: others }, (_, i) => `item ${i}`), 'last'])
      tx.add(votes, 1)
      tx.create(card, { title: 'a'.repeat(others) })
    })
    const sizes: number[] = []
    const write = (body: Parameters<Replica['transact']>[0]): unknown =>
      replica.transact(body, (ops) => sizes.push(sizeOf(replica, ops)))
    write((tx) => tx.remove(steps, others, 1))
    write((tx) => tx.insert(steps, 0, 'one'))
    write((tx) => tx.patch(card, { due: 4 }))
    write((tx) => tx.add(card, 1, 'votes'))
    write((tx) => tx.set(title, 'x'))
    expect(sizes).toHaveLength(5)
    for (const size of sizes) expect(size).toBeLessThan(120)
  }
})

test('[ME68] what was authored again goes back by the stamps that it has now', () => {
  const renamed = new Map<string, Stamp>()
  const past: Past = { ...noPast, now: (stamp) => renamed.get(`${stamp.at} ${stamp.writer}`) ?? stamp }
  const replica = createReplica('old', policies)
  const changes = [
    replica.transact((tx) => {
      tx.set(title, 'A')
      tx.create(card, { title: 'A' })
      tx.insert(steps, 0, ['x', 'y'])
    })!,
  ]
  const inverses: (readonly Inverse[])[] = []
  const keep = (ops: readonly Op[]): unknown => inverses.push(invert(replica.memory, ops, () => past)!())
  for (const name of ['B', 'C']) {
    changes.push(
      replica.transact((tx) => {
        tx.set(title, name)
        tx.patch(card, { title: name })
        tx.reorder(steps, 0, 1)
      }, keep)!,
    )
  }
  // All of it again, by another writer and later.
  const again = createReplica('new', policies)
  const stamps = changes.map((change) => {
    const now = { at: change.at + 1_000, writer: 'new' }
    renamed.set(`${change.at} old`, now)
    again.memory.apply(change.ops, now, { epoch: null, relaySeq: 0, writers: new Map() })
    return now
  })
  const undone = [
    { stamp: stamps[2]!, inverses: inverses[1]! },
    { stamp: stamps[1]!, inverses: inverses[0]! },
  ]
  const { ops, superseded } = takeBack(again.memory, undone, () => past)
  expect(superseded).toEqual([])
  again.memory.apply(ops, { at: 9_000_000, writer: 'new' }, { epoch: null, relaySeq: 0, writers: new Map() })
  const { snapshot } = again.memory
  expect([snapshot.get(title), snapshot.get(card)?.title, snapshot.get(steps)]).toEqual(['A', 'A', ['x', 'y']])

  const unaware = takeBack(again.memory, undone, () => noPast)
  expect(unaware.superseded.map(({ key }) => key)).toContain(cellKey('lww', 'title'))
})

test('[ME67] what makes no sense as an inverse takes nothing back', () => {
  const { me } = two()
  me.transact((tx) => {
    tx.set(title, 'x')
    tx.add(votes, 1)
    tx.create(card, { title: 'x' })
    tx.insert(steps, 0, ['x'])
  })
  const stamp = { at: 1000, writer: 'me' }
  const nonsense: Value[] = [null, 0, 'x', [], {}, [[]], [[0]], [1, 1], [2, 1, [], 0, 'title', 'x', 7], [[], 0, 'x']]
  for (const { key, policy } of [title, votes, steps, card]) {
    for (const inverse of nonsense) {
      if (key === votes.key && inverse !== null && typeof inverse !== 'string') continue
      if (policy.reversal === undefined || policy.reversal === 'none') throw new Error(`${key} has no reversal.`)
      const { payload } = policy.reversal.revert(me.replica.memory.state(key) as any, [{ inverse, stamp }], noPast)
      expect([key, inverse, payload]).toEqual([key, inverse, undefined])
    }
  }
})
