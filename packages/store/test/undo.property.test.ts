import { collection, count, counter, group, list, lww, place, set } from '@syncline/merge'
import type { Tx } from '@syncline/stm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { memoryStorage, type Store } from '../src/index.ts'
import { createWorld, type World } from './world.ts'

const title = lww('title', 'untitled')
const stars = counter('stars')
const theirs = counter('theirs')
const steps = list<string>('steps')
const tags = set<number>('tags')
const period = group('period', { from: 0, to: 0 })
const cards = collection('cards', { title: '', votes: count(), at: place() })
const ids = ['a', 'b', 'c']

const move = fc.tuple(
  fc.constantFrom('write', 'write', 'write', 'join', 'undo', 'undo', 'redo', 'redo', 'reload', 'pass'),
  fc.nat(999),
)

function reading(store: Store): string {
  const lists = ['todo', 'done'].map((parent) => store.get(cards.list(parent)))
  return JSON.stringify([
    store.get(title),
    store.get(stars),
    store.get(steps),
    store.get(tags),
    store.get(period),
    [...store.items(cards)],
    lists,
  ])
}

function write(tx: Tx, number: number): void {
  const card = cards.at(ids[number % 3]!)
  const now = tx.get(steps)
  tx.add(stars, 1 + (number % 3) / 10)
  if (number % 4 === 0) tx.set(title, `${number}`)
  if (number % 3 === 0) tx.include(tags, number % 5, number % 7)
  else if (number % 3 === 1) tx.exclude(tags, number % 5, number % 6)
  else tx.patch(period, number % 2 === 0 ? { from: number } : { to: number })
  if (number % 5 === 0) tx.insert(steps, number % (now.length + 1), `${number}`)
  else if (number % 5 === 1 && now.length > 1) tx.reorder(steps, 0, now.length - 1)
  else if (number % 5 === 2 && now.length > 0) tx.remove(steps, number % now.length, 1)
  if (tx.get(card) === undefined) tx.create(card, { title: `${number}` })
  else if (number % 7 === 0) tx.delete(card)
  else tx.add(card, 0.1, 'votes')
  if (tx.get(card) !== undefined && number % 2 === 0) tx.move(card, cards.list(number % 4 === 0 ? 'todo' : 'done'), 0)
}

test('[UN1] [UN2] [UN5] whatever is written, grouped, undone, redone and reloaded, undo leads where it was, beside others and a sibling', async () => {
  const counts = { undone: 0, redone: 0, reloads: 0 }
  let seed = 0
  await fc.assert(
    fc.asyncProperty(fc.array(move, { minLength: 8, maxLength: 30 }), async (moves) => {
      const world = await createWorld((seed += 1))
      const [storage, wire] = [memoryStorage(), world.wire()]
      const other = await world.open({ transport: world.wire() })
      const sibling = await world.open({ storage, transport: wire })
      const me = await start(world, storage, wire)
      for (const [kind, number] of moves) await me.act(kind, number, [other, sibling], counts)
      await me.back(counts)
      await world.clock.pass(5_000)
      expect([reading(other), reading(sibling)]).toEqual([reading(me.store), reading(me.store)])
      expect([other.get(theirs), sibling.undoStack().redoable]).toEqual([sibling.get(theirs), false])
      await world.close()
    }),
    { seed: 5, numRuns: 18 },
  )
  expect(counts.undone).toBeGreaterThan(60)
  expect(counts.redone).toBeGreaterThan(8)
  expect(counts.reloads).toBeGreaterThan(15)
})

/** A tab that is reloaded again and again, and what undo and redo should lead to. */
async function start(world: World, storage: ReturnType<typeof memoryStorage>, transport: ReturnType<World['wire']>) {
  let store = await world.open({ storage, transport })
  reading(store)
  const back: string[] = []
  const forth: string[] = []
  /** A reload ends groups, and so does going back and forth. */
  let isOpen = false

  function take(direction: 'undo' | 'redo', counts: { undone: number; redone: number }): void {
    const [from, to] = direction === 'undo' ? [back, forth] : [forth, back]
    const now = reading(store)
    const { change, superseded } = store[direction]()
    expect([change === undefined, superseded]).toEqual([from.length === 0, []])
    if (change === undefined) return
    expect(reading(store)).toBe(from.pop())
    to.push(now)
    counts[direction === 'undo' ? 'undone' : 'redone'] += 1
    isOpen = false
  }

  return {
    get store() {
      return store
    },
    async act(
      kind: string,
      number: number,
      others: readonly Store[],
      counts: Record<'undone' | 'redone' | 'reloads', number>,
    ) {
      switch (kind) {
        case 'undo':
        case 'redo':
          take(kind, counts)
          break
        case 'reload':
          await store.close()
          store = await world.open({ storage, transport })
          reading(store)
          isOpen = false
          counts.reloads += 1
          break
        case 'pass':
          await world.clock.pass(100)
          others[number % 2]!.transact((tx) => tx.add(theirs, 1))
          break
        default: {
          const before = reading(store)
          const joins = kind === 'join' && isOpen
          store.transact((tx) => write(tx, number), kind === 'join' ? { undo: { group: 'g' } } : {})
          isOpen = kind === 'join'
          if (!joins) back.push(before)
          forth.length = 0
        }
      }
      const stack = store.undoStack()
      expect([stack.undoable, stack.redoable]).toEqual([back.length > 0, forth.length > 0])
    },
    async back(counts: { undone: number; redone: number }) {
      while (back.length > 0) take('undo', counts)
      expect(store.undoStack().undoable).toBe(false)
    },
  }
}
