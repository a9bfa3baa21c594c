import { collection, list, place } from '@syncline/merge'
import type { Tx } from '@syncline/stm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Store } from '../src/index.ts'
import { createWorld, type World } from './world.ts'

const cards = collection('cards', { title: '', at: place() })
const parents = ['', 'todo', 'doing', 'done']
const lists = parents.map((parent) => cards.list(parent))
const steps = list<string>('steps')

async function stores(world: World, count: number): Promise<Store[]> {
  const opened: Store[] = []
  for (let i = 0; i < count; i++) opened.push(await world.open({ transport: world.wire() }))
  await world.clock.pass(500)
  return opened
}

/** What lists must be, whoever did what: each card that has a place once, in the list that its place names, by its key. */
function expectWhole(store: Store): void {
  const shown = lists.map((view) => store.get(view))
  const all = shown.flat()
  expect(new Set(all).size).toBe(all.length)
  const placed = [...store.items(cards)].filter(([, { at }]) => at !== undefined)
  expect(new Set(all)).toEqual(new Set(placed.map(([id]) => id)))
  shown.forEach((ids, i) => {
    const places = ids.map((id) => store.get(cards.at(id))!.at!)
    expect(places.every(({ parent }) => parent === parents[i])).toBe(true)
    const names = places.map(({ key }, n) => `${key}\0${ids[n]}`)
    expect(names).toEqual(names.toSorted())
  })
}

function reading(store: Store): unknown {
  return [[...store.items(cards)], lists.map((view) => store.get(view)), store.get(steps)]
}

const act = fc.tuple(
  fc.nat(4),
  fc.constantFrom(
    'create',
    'move',
    'move',
    'move',
    'run',
    'run',
    'delete',
    'undo',
    'redo',
    'step',
    'reorder',
    'drop',
    'hear',
  ),
  fc.nat(999),
  fc.nat(999),
)

test('[ME26] [ME31] [ME32] [UN1] cards moved between lists by several at once, with undo: in one list each, none lost, the same everywhere', async () => {
  const done: Record<string, number> = {}
  let seed = 0
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 3, max: 5 }),
      fc.array(act, { minLength: 15, maxLength: 50, size: 'max' }),
      async (count, acts) => {
        const world = await createWorld((seed += 1))
        const all = await stores(world, count)
        let made = 0
        /** Steps that anybody put in, and those that were taken out, or whose putting in was undone. */
        const put = new Set<string>()
        let takenOut = false
        for (const [who, kind, a, b] of acts) {
          const store = all[who % count]!
          const known = store.get(cards)
          const to = lists[a % lists.length]!
          let isDone = true
          if (kind === 'hear') await world.clock.pass(1 + (a % 400))
          else if (kind === 'undo') isDone = store.undoStack().undo() !== undefined
          else if (kind === 'redo') isDone = store.undoStack().redo() !== undefined
          else if (kind === 'create') {
            const id = `card${made++}`
            store.transact((tx) => {
              tx.create(cards.at(id), { title: id })
              tx.move(cards.at(id), to, b % (tx.get(to).length + 1))
            })
          } else if (kind === 'step') {
            const value = `step${made++}`
            put.add(value)
            store.transact((tx) => tx.insert(steps, b % (tx.get(steps).length + 1), value))
          } else if (kind === 'reorder' || kind === 'drop') {
            const { length } = store.get(steps)
            isDone = length > 0
            if (isDone && kind === 'reorder') store.transact((tx) => tx.reorder(steps, a % length, b % length))
            else if (isDone) store.transact((tx) => tx.remove(steps, a % length, 1))
          } else {
            isDone = known.length > 0
            if (isDone) store.transact((tx) => edit(tx, kind, known, a, b))
          }
          takenOut ||= isDone && (kind === 'undo' || kind === 'drop')
          if (isDone) done[kind] = (done[kind] ?? 0) + 1
          for (const one of all) expectWhole(one)
        }
        await world.clock.pass(20_000)
        for (const one of all) {
          expectWhole(one)
          expect(reading(one)).toEqual(reading(all[0]!))
        }
        const now = all[0]!.get(steps)
        expect(new Set(now).size).toBe(now.length)
        // Where nobody took anything back or out, everything is there.
        expect(takenOut || now.length === put.size).toBe(true)
        await world.close()
      },
    ),
    { seed: 26, numRuns: 40 },
  )
  for (const kind of ['create', 'move', 'run', 'delete', 'undo', 'redo', 'step', 'reorder', 'drop', 'hear']) {
    expect([kind, (done[kind] ?? 0) >= 10]).toEqual([kind, true])
  }
}, 120_000)

function edit(tx: Tx, kind: string, known: readonly string[], a: number, b: number): void {
  const to = lists[a % lists.length]!
  const from = b % known.length
  const members = known.slice(from, from + (kind === 'run' ? 4 : 1)).map((id) => cards.at(id))
  if (kind === 'delete') return tx.delete(members[0]!)
  const others = tx.get(to).filter((id) => !members.some(({ address }) => address === `cards/${id}`))
  tx.moveAll(members, to, (a + b) % (others.length + 1))
  const ids = members.map(({ address }) => address.slice('cards/'.length))
  const at = tx.get(to).indexOf(ids[0]!)
  expect(tx.get(to).slice(at, at + ids.length)).toEqual(ids)
}

test('[ME27] [ME31] runs that five put at one spot at the same time stay in one piece each, in lists and in places', async () => {
  const world = await createWorld(5)
  const all = await stores(world, 5)
  all[0]!.transact((tx) => {
    tx.insert(steps, 0, ['first', 'last'])
    for (const id of ['first', 'last']) {
      tx.create(cards.at(id), {})
      tx.move(cards.at(id), lists[1]!)
    }
  })
  await world.clock.pass(1_000)
  for (let round = 0; round < 20; round++) {
    for (const [i, store] of all.entries()) {
      const run = Array.from({ length: 5 }, (_, n) => `${round}.${i}.${n}`)
      store.transact((tx) => {
        tx.insert(steps, 1, run)
        for (const id of run) tx.create(cards.at(id), {})
        tx.moveAll(
          run.map((id) => cards.at(id)),
          lists[1]!,
          1,
        )
      })
    }
    await world.clock.pass(2_000)
  }
  const order = all[0]!.get(steps)
  expect(order).toHaveLength(502)
  for (const store of all) {
    expect(store.get(steps)).toEqual(order)
    for (const ids of [order, store.get(lists[1]!)]) {
      expect([ids[0], ids.at(-1)]).toEqual(['first', 'last'])
      const runs = ids.slice(1, -1)
      for (let at = 0; at < runs.length; at += 5) {
        const name = runs[at]!.slice(0, -2)
        expect(runs.slice(at, at + 5)).toEqual([0, 1, 2, 3, 4].map((n) => `${name}.${n}`))
      }
    }
  }
  await world.close()
})

test('[ME29] two re-key the same neighbours at the same time, and a third inserts there: nothing is lost, and the others keep their order', async () => {
  let rekeyed = 0
  for (let seed = 1; seed <= 10; seed++) {
    const world = await createWorld(seed)
    const all = await stores(world, 4)
    // What only faulty code writes: equal keys, and keys that none can stand between.
    const keys = ['a0', 'a1', 'a1', 'a1', 'a10', 'a2']
    all[0]!.transact((tx) => {
      keys.forEach((key, i) => {
        tx.create(cards.at(`old${i}`), {})
        // The types do not let an app write a place.
        tx.patch(cards.at(`old${i}`), { at: { parent: 'todo', key } } as object)
      })
    })
    await world.clock.pass(1_000)
    const before = all[0]!.get(lists[1]!)
    for (const [i, store] of all.slice(1).entries()) {
      const { change } = store.transact((tx) => {
        tx.create(cards.at(`new${i}`), {})
        tx.move(cards.at(`new${i}`), lists[1]!, 2 + (i % 2))
      })
      rekeyed += change!.ops.length - 1
    }
    await world.clock.pass(5_000)
    const order = all[0]!.get(lists[1]!)
    expect(order.filter((id) => id.startsWith('old'))).toEqual(before)
    expect(order).toHaveLength(9)
    for (const store of all) {
      expectWhole(store)
      expect(store.get(lists[1]!)).toEqual(order)
    }
    await world.close()
  }
  expect(rekeyed).toBeGreaterThan(30)
})

const rounds = process.env.SYNCLINE_LONG === '1' ? 17 : 4

test('[ME30] [ME31] thousands of inserts at one spot by three at once, each in a transaction of its own', async () => {
  const world = await createWorld(30)
  const all = await stores(world, 3)
  all[0]!.transact((tx) => tx.insert(steps, 0, ['first', 'last']))
  await world.clock.pass(1_000)
  let made = 0
  for (let round = 0; round < rounds; round++) {
    for (const store of all) {
      const at = store.get(steps).indexOf('last')
      for (let n = 0; n < 200; n++) store.transact((tx) => tx.insert(steps, at, `${made++}`))
    }
    await world.clock.pass(30_000)
  }
  const order = all[0]!.get(steps)
  expect(order).toHaveLength(made + 2)
  expect(made).toBe(rounds * 600)
  expect(new Set(order).size).toBe(order.length)
  expect([order[0], order.at(-1)]).toEqual(['first', 'last'])
  for (const store of all) expect(store.get(steps)).toEqual(order)
  // Of one who inserts at one position the later stand before the earlier.
  for (let from = 0; from < made; from += 200) {
    const own = order.filter((value) => Number(value) >= from && Number(value) < from + 200).map(Number)
    expect(own).toEqual(own.toSorted((a, b) => b - a))
  }
  await world.close()
}, 120_000)
