import type { Change } from '@syncline/stm'
import { expect, test } from 'vitest'
import { collection, count, place } from '../src/index.ts'
import { createReplica, picture, type Replica } from './replica.ts'

const cards = collection('cards', { title: '', votes: count(), at: place() })
const card = cards.at('a')

/** Replicas that all have a card "a" titled "A". */
function withCard(...writers: string[]): Replica[] {
  const replicas = writers.map((writer) => createReplica(writer, [cards.policy]))
  const change = replicas[0]!.transact((tx) => tx.create(card, { title: 'A' }))!
  for (const replica of replicas) replica.receive(change)
  return replicas
}

/** Delivers Changes in every order to a fresh replica each, and checks that all show the same. Returns one. */
function inEveryOrder(changes: readonly Change[]): Replica {
  const all = permutations(changes).map((order) => {
    const replica = createReplica('fresh', [cards.policy])
    for (const change of order) replica.receive(change)
    return replica
  })
  const pictures = all.map(({ memory }) => picture(memory, [card.key], [cards, card, cards.list('x'), cards.list('y')]))
  expect(new Set(pictures).size).toBe(1)
  return all[0]!
}

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length === 0) return [[]]
  return items.flatMap((item, i) => permutations(items.toSpliced(i, 1)).map((rest) => [item, ...rest]))
}

test('[ME19] [ME20] a delete wins over writes that came before it, after it and at the same time', () => {
  const [one, two, three] = withCard('w1', 'w2', 'w3') as [Replica, Replica, Replica]
  const created = createdBy(one)
  const edited = two.transact((tx) => tx.patch(card, { title: 'edited' }))!
  const voted = three.transact((tx) => tx.add(card, 5, 'votes'))!
  const deleted = one.transact((tx) => tx.delete(card))!
  const after = two.transact((tx) => tx.patch(card, { title: 'after' }))!
  const replica = inEveryOrder([created, edited, voted, deleted, after])
  expect(replica.memory.snapshot.get(card)).toBe(undefined)
  expect(replica.memory.snapshot.get(cards)).toEqual([])
})

test('[ME21] a create that saw the delete starts anew, with fresh fields and counts', () => {
  const [one, two] = withCard('w1', 'w2') as [Replica, Replica]
  const created = createdBy(one)
  const voted = one.transact((tx) => tx.add(card, 5, 'votes'))!
  const deleted = one.transact((tx) => tx.delete(card))!
  const late = two.transact((tx) => tx.patch(card, { title: 'late' }))!
  const again = one.transact((tx) => tx.create(card, {}))!
  expect(again.ops[0]!.payload).toEqual([1, 2])
  const replica = inEveryOrder([created, voted, deleted, late, again])
  expect(replica.memory.snapshot.get(card)).toEqual({ title: '', votes: 0 })
})

test('[ME21] a create that did not see the delete revives nothing', () => {
  const one = createReplica('w1', [cards.policy])
  const two = createReplica('w2', [cards.policy])
  const created = one.transact((tx) => tx.create(card, { title: 'one' }))!
  const deleted = one.transact((tx) => tx.delete(card))!
  const concurrent = two.transact((tx) => tx.create(card, { title: 'two' }))!
  expect(inEveryOrder([created, deleted, concurrent]).memory.snapshot.get(card)).toBe(undefined)
})

test('[ME22] concurrent creates are one member, merged field by field', () => {
  const one = createReplica('w1', [cards.policy])
  const two = createReplica('w2', [cards.policy])
  const first = one.transact((tx) => {
    tx.create(card, { title: 'one' })
    tx.add(card, 1, 'votes')
  })!
  const second = two.transact((tx) => {
    tx.create(card, { title: 'two' })
    tx.add(card, 2, 'votes')
  })!
  const replica = inEveryOrder([first, second])
  expect(replica.memory.snapshot.get(card)).toEqual({ title: 'two', votes: 3 })
})

test('[ME23] of a deleted member nothing is kept but its incarnation and one stamp', () => {
  const [one, two] = withCard('w1', 'w2') as [Replica, Replica]
  const created = createdBy(one)
  const first = one.transact((tx) => tx.delete(card))!
  const second = two.transact((tx) => tx.delete(card))!
  const { memory } = inEveryOrder([created, first, second])
  expect(memory.state(card.key)).toMatchObject({ incarnation: 1, created: undefined, values: [], stamps: undefined })
  expect(memory.state(card.key)).toMatchObject({ deleted: { at: second.at, writer: 'w2' } })
})

test('[ME24] create, write and delete need the member to be there or not', () => {
  const { memory, transact } = createReplica('w', [])
  for (const write of [
    () => transact((tx) => tx.patch(card, { title: 'x' })),
    () => transact((tx) => tx.set(card, { title: 'x', votes: 0 })),
    () => transact((tx) => tx.update(card, (now) => now)),
    () => transact((tx) => tx.add(card, 1, 'votes')),
    () => transact((tx) => tx.move(card, cards.list('x'))),
  ]) {
    expect(write).toThrow(expect.objectContaining({ code: 'missing-member' }))
  }
  expect(transact((tx) => tx.delete(card))).toBe(undefined)
  transact((tx) => tx.create(card, {}))
  expect(() => transact((tx) => tx.create(card, {}))).toThrow(expect.objectContaining({ code: 'member-exists' }))
  expect(memory.snapshot.get(card)).toEqual({ title: '', votes: 0 })
})

test('[ME24] what a transaction creates and deletes again it does not mention', () => {
  const { memory, transact } = createReplica('w', [])
  expect(
    transact((tx) => {
      tx.create(card, { title: 'x' })
      tx.delete(card)
      expect(tx.get(card)).toBe(undefined)
    }),
  ).toBe(undefined)
  transact((tx) => tx.create(card, { title: 'first' }))
  const renewed = transact((tx) => {
    tx.delete(card)
    tx.create(card, { title: 'second' })
    tx.patch(card, { title: 'third' })
    expect(tx.get(card)).toEqual({ title: 'third', votes: 0 })
  })
  expect(renewed!.ops.map(({ payload }) => payload)).toEqual([[1, 2, 0, 'title', 'third']])
  const gone = transact((tx) => {
    tx.delete(card)
    tx.create(card, {})
    tx.delete(card)
  })
  expect(gone!.ops.map(({ payload }) => payload)).toEqual([[3, 2]])
  expect(memory.snapshot.get(card)).toBe(undefined)
})

test('[ME24] a create folds in the move of the same transaction', () => {
  const { memory, transact } = createReplica('w', [])
  const change = transact((tx) => {
    tx.create(card, { title: 'x' })
    tx.move(card, cards.list('todo'))
  })
  const key = memory.snapshot.get(card)!.at!.key
  expect(change!.ops.map(({ payload }) => payload)).toEqual([[1, 1, 0, 'title', 'x', 3, 'at', ['todo', key]]])
  expect(memory.snapshot.get(cards.list('todo'))).toEqual(['a'])
})

test('[ME19] writes that overtake the create count once it arrives', () => {
  const [one] = withCard('w1') as [Replica]
  const edited = one.transact((tx) => tx.patch(card, { title: 'edited' }))!
  const replica = createReplica('late', [cards.policy])
  replica.receive(edited)
  expect(replica.memory.snapshot.get(cards)).toEqual([])
  const joined = replica.transact((tx) => {
    tx.create(card, {})
    expect(tx.get(card)).toEqual({ title: 'edited', votes: 0 })
  })
  expect(joined!.ops[0]!.payload).toEqual([1, 1])
  expect(replica.memory.snapshot.get(card)).toEqual({ title: 'edited', votes: 0 })
})

test('[ME21] incarnations that are used up are refused, not wrapped around', () => {
  const replica = createReplica('w', [cards.policy])
  const { memory } = replica
  memory.apply(
    [{ tag: 'record', address: 'cards/a', arbiter: 'local', payload: [3, Number.MAX_SAFE_INTEGER] }],
    { at: 1, writer: 'x' },
    memory.snapshot.basis,
  )
  expect(() => replica.transact((tx) => tx.create(card, {}))).toThrow(
    expect.objectContaining({ code: 'invalid-write' }),
  )
})

test('[ME25] a collection reads as ids ascending by code units', () => {
  const { memory, transact } = createReplica('w', [])
  const ids = ['b', 'a', 'Z', 'ä', '10', '9', '\u{1f600}', '\uffee']
  transact((tx) => {
    for (const id of ids) tx.create(cards.at(id), {})
  })
  expect(memory.snapshot.get(cards)).toEqual(ids.toSorted())
})

test('[ME26] a card that two people move to different lists is in one of them', () => {
  const [one, two] = withCard('w1', 'w2') as [Replica, Replica]
  const created = createdBy(one)
  const left = one.transact((tx) => tx.move(card, cards.list('x')))!
  const right = two.transact((tx) => tx.move(card, cards.list('y')))!
  const { snapshot } = inEveryOrder([created, left, right]).memory
  expect([snapshot.get(cards.list('x')), snapshot.get(cards.list('y'))]).toEqual([[], ['a']])
})

function createdBy(replica: Replica): Change {
  return {
    writer: replica.writer,
    seq: 1,
    deps: replica.memory.snapshot.basis,
    at: 1_000,
    ops: [{ tag: 'record', address: 'cards/a', arbiter: 'local', payload: [1, 1, 0, 'title', 'A'] }],
    effects: [],
    meta: null,
  }
}
