import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createWatchers, watchKey, type Readable, type Snapshot, type Tx } from '../src/index.ts'
import { cardsNamed, register, tally } from './policies.ts'
import { replica } from './replica.ts'

const ids = ['a', 'b', 'c', '@x', '__proto__', 'a/b']
const parents = ['todo', 'done']
const cards = cardsNamed('cards')
const title = register('title', 0)
const votes = tally('votes')

/** What a body should see: plain data, changed in place on a copy. */
interface Model {
  title: number
  votes: number
  /** Members with their titles. */
  readonly cards: Map<string, string>
  readonly lists: Map<string, string[]>
}

const copyOf = (model: Model): Model => ({
  ...model,
  cards: new Map(model.cards),
  lists: new Map(Array.from(model.lists, ([parent, items]) => [parent, [...items]])),
})

const id = fc.constantFrom(...ids)
const parent = fc.constantFrom(...parents)
const write = fc.oneof(
  fc.record({ act: fc.constant('set' as const), value: fc.nat(3) }),
  fc.record({ act: fc.constant('add' as const), value: fc.integer({ min: -2, max: 2 }) }),
  { weight: 3, arbitrary: fc.record({ act: fc.constant('create' as const), id }) },
  fc.record({ act: fc.constant('patch' as const), id, value: fc.nat(2) }),
  fc.record({ act: fc.constant('delete' as const), id }),
  { weight: 4, arbitrary: fc.record({ act: fc.constant('move' as const), id, parent, index: fc.option(fc.nat(2)) }) },
  fc.record({ act: fc.constant('moveAll' as const), ids: fc.uniqueArray(id), parent, index: fc.option(fc.nat(2)) }),
  fc.record({ act: fc.constant('look' as const), what: fc.nat(3) }),
)
type Write = typeof write extends fc.Arbitrary<infer W> ? W : never

function refused(act: () => void, message: RegExp): false {
  expect(act).toThrow(message)
  return false
}

/** Does one write on both sides; a write that the model cannot do must throw. Returns whether it was done. */
function perform(tx: Tx, model: Model, one: Write): boolean {
  const move = (moved: readonly string[], to: string, at: number | null): boolean => {
    const others = model.lists.get(to)!.filter((other) => !moved.includes(other))
    const index = at ?? others.length
    const isPossible = moved.every((other) => model.cards.has(other)) && (index <= others.length || moved.length === 0)
    const act = (): void =>
      tx.moveAll(
        moved.map((other) => cards.at(other)),
        cards.list(to),
        at ?? undefined,
      )
    if (!isPossible) {
      return refused(act, /does not exist|is not in the list/)
    }
    act()
    if (moved.length === 0) return true
    for (const [list, items] of model.lists)
      model.lists.set(
        list,
        items.filter((other) => !moved.includes(other)),
      )
    model.lists.set(to, others.toSpliced(index, 0, ...moved))
    return true
  }
  switch (one.act) {
    case 'set':
      tx.set(title, one.value)
      model.title = one.value
      return true
    case 'add':
      tx.add(votes, one.value)
      model.votes += one.value
      return true
    case 'create':
      if (model.cards.has(one.id)) {
        return refused(() => tx.create(cards.at(one.id), {}), /exists already/)
      }
      tx.create(cards.at(one.id), { title: 'new' })
      model.cards.set(one.id, 'new')
      // The place of its former life comes back with it: that is how these cards merge. Here it is taken out of all lists.
      tx.patch(cards.at(one.id), { at: { parent: 'nowhere', key: 'm' } })
      return true
    case 'patch':
      if (!model.cards.has(one.id)) {
        return refused(() => tx.patch(cards.at(one.id), { title: '' }), /does not exist/)
      }
      tx.patch(cards.at(one.id), { title: `t${one.value}` })
      model.cards.set(one.id, `t${one.value}`)
      return true
    case 'delete':
      tx.delete(cards.at(one.id))
      model.cards.delete(one.id)
      for (const [list, items] of model.lists)
        model.lists.set(
          list,
          items.filter((other) => other !== one.id),
        )
      return true
    case 'move':
      return move([one.id], one.parent, one.index)
    case 'moveAll':
      return move(one.ids, one.parent, one.index)
    case 'look':
      // When a collection or list is first read decides how it is kept.
      if (one.what === 0) tx.get(cards)
      else tx.get(cards.list(parents[one.what % 2]!))
      return true
  }
}

function compare(reader: Pick<Snapshot, 'get' | 'items'>, model: Model): void {
  expect([reader.get(title), reader.get(votes)]).toEqual([model.title, model.votes])
  expect(reader.get(cards)).toEqual([...model.cards.keys()].sort())
  for (const one of ids) expect(reader.get(cards.at(one))?.title).toBe(model.cards.get(one))
  const items = Array.from(reader.items(cards), ([key, card]) => [key, card.title])
  expect(new Map(items as [string, string][])).toEqual(model.cards)
  for (const to of parents) expect(reader.get(cards.list(to))).toEqual(model.lists.get(to))
}

test('[TX1] [TX2] [TX3] [CO5] [CO6] a transaction does to a snapshot what the body does to a copy, or nothing at all', () => {
  let committed = 0
  let undone = 0
  let moved = 0
  const body = fc.record({
    writes: fc.array(write, { maxLength: 12 }),
    compareAt: fc.nat(12),
    throws: fc.boolean(),
    askFirst: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(body, { minLength: 1, maxLength: 12 }), (bodies) => {
      const { memory, transact } = replica()
      let calls = 0
      const watchers = createWatchers<Snapshot>((error) => {
        throw error
      })
      const everything: readonly Readable<unknown>[] = [
        title,
        votes,
        cards,
        ...ids.map((one) => cards.at(one)),
        ...parents.map((to) => cards.list(to)),
      ]
      let model: Model = { title: 0, votes: 0, cards: new Map(), lists: new Map(parents.map((to) => [to, []])) }
      let watching = false
      for (const { writes, compareAt, throws, askFirst } of bodies) {
        if (askFirst && !watching) {
          watching = true
          for (const readable of everything) memory.snapshot.get(readable)
          watchers.subscribe(everything.map(watchKey), () => (calls += 1))
        }
        const before = memory.snapshot
        const copy = copyOf(model)
        calls = 0
        const enough = new Error('enough')
        let thrown: unknown
        try {
          const { changed } = transact((tx) => {
            writes.forEach((one, i) => {
              if (perform(tx, copy, one) && one.act.startsWith('move')) moved += 1
              if (i === compareAt) compare(tx, copy)
            })
            compare(tx, copy)
            if (throws) throw enough
          })
          if (changed.size > 0) watchers.notify(changed, memory.snapshot)
        } catch (error) {
          thrown = error
        }
        expect(thrown).toBe(throws ? enough : undefined)
        compare(before, model)
        const differs = !throws && JSON.stringify(flat(copy)) !== JSON.stringify(flat(model))
        // A throw leaves the very same snapshot and calls nobody; what reads differently is told once.
        expect([memory.snapshot === before, calls]).toEqual([
          throws || (!differs && memory.snapshot === before),
          watching && differs ? 1 : throws ? 0 : Math.min(calls, 1),
        ])
        if (throws) undone += 1
        else if (differs) committed += 1
        if (!throws) model = copy
        compare(memory.snapshot, model)
      }
    }),
    { seed: 51 },
  )
  expect([committed > 300, undone > 300, moved > 300]).toEqual([true, true, true])
})

function flat(model: Model): unknown {
  return [
    model.title,
    model.votes,
    Object.fromEntries([...model.cards.keys()].sort().map((one) => [one, model.cards.get(one)])),
    [...model.lists],
  ]
}
