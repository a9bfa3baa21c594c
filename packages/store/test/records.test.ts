import { collection, count, follow, json, record, reference } from '@syncline/merge'
import type { Value } from '@syncline/stm'
import { expect, test } from 'vitest'
import { memoryStorage, type Store } from '../src/index.ts'
import { createWorld, passing } from './world.ts'

// Nested data, deletes that yield and references, on whole stores: with a relay, over reloads, in several tabs.

type Nested = { readonly [key: string]: Value }

const fields = { title: '', look: json<Nested>({ color: 'red', size: { w: 1, h: 1 } }), votes: count() }
const tasks = collection('tasks', fields, { onConcurrentEdit: 'keep' })
const task = tasks.at('a')

/** Changes what is at a path of the nested data. */
function setLook(store: Store, path: readonly [string, string], value: Value): unknown {
  return store.transact((tx) =>
    tx.update(task, (now) => {
      const [first, second] = path
      return { ...now, look: { ...now.look, [first]: { ...(now.look[first] as Nested), [second]: value } } }
    }),
  )
}

test('[NJ1] [KE1] two who were apart find both their keys, and what one deleted and the other edited, and so does who comes later', async () => {
  const world = await createWorld(1)
  const [wireOne, wireTwo] = [world.wire(), world.wire()]
  const disk = memoryStorage()
  const one = await world.open({ transport: wireOne, storage: disk })
  const two = await world.open({ transport: wireTwo })
  one.transact((tx) => tx.create(task, { title: 'T' }))
  one.transact((tx) => tx.create(tasks.at('b'), { title: 'gone' }))
  await world.clock.pass(1_000)
  for (const wire of [wireOne, wireTwo]) wire.cut()
  setLook(one, ['size', 'w'], 5)
  setLook(one, ['__proto__', 'constructor'], { prototype: 1 })
  setLook(two, ['size', 'h'], 7)
  one.transact((tx) => tx.delete(tasks.at('b')))
  two.transact((tx) => tx.add(tasks.at('b'), 1, 'votes'))
  expect([one.get(tasks), two.get(tasks)]).toEqual([['a'], ['a', 'b']])
  for (const wire of [wireOne, wireTwo]) wire.mend()
  await world.clock.pass(60_000)
  const late = await world.open({ transport: world.wire() })
  await world.clock.pass(1_000)
  for (const store of [one, two, late]) {
    const { look } = store.get(task)!
    expect(look.size).toEqual({ w: 5, h: 7 })
    expect(Object.keys(look).sort()).toEqual(['__proto__', 'color', 'size'])
    expect(Object.entries(look).find(([key]) => key === '__proto__')?.[1]).toEqual({ constructor: { prototype: 1 } })
    expect(store.get(tasks.at('b'))).toMatchObject({ title: 'gone', votes: 1 })
  }
  // The same from the log on the disk.
  await one.close()
  const again = await world.open({ storage: disk })
  expect([...again.items(tasks)]).toEqual([...late.items(tasks)])
  await world.close()
})

test('[NJ7] [KE7] what was done before a reload is undone after it, before anybody has asked for the members', async () => {
  const world = await createWorld(2)
  const storage = memoryStorage()
  const before = await world.open({ storage })
  before.transact((tx) =>
    tx.create(task, { title: 'T', look: { color: 'red', size: { w: 1, h: 1 }, deep: { x: [1] } } }),
  )
  const made = before.get(task)
  setLook(before, ['deep', 'y'], 2)
  before.transact((tx) => tx.update(task, (now) => ({ ...now, look: { color: 'blue' } })))
  before.transact((tx) => tx.delete(task))
  await before.transact((tx) => tx.create(tasks.at('b'), {})).durable()
  await before.close()
  const store = await world.open({ storage })
  // Whatever brings the policy.
  store.get(record('other', {}))
  for (let i = 0; i < 4; i++) expect(store.undo()).toMatchObject({ superseded: [], irreversible: [] })
  expect([store.get(task), store.get(tasks)]).toEqual([made, ['a']])
  for (let i = 0; i < 3; i++) store.redo()
  expect(store.get(tasks)).toEqual([])
  await world.close()
})

test('[NJ1] [NJ5] a relay decides about nested data as about any: who was overtaken runs again, and both paths are written', async () => {
  const relay = { arbiter: 'relay' } as const
  const plan = record('plan', { rooms: json<Nested>({}), ['__proto__']: json<Nested>({}) }, relay)
  const world = await createWorld(3)
  const stores = [await world.open({ transport: world.wire() }), await world.open({ transport: world.wire() })]
  await world.clock.pass(100)
  let runs = 0
  const booking = stores.map((store, i) =>
    store.transactAsync((tx) => {
      runs += 1
      tx.update(plan, (now) => ({ ...now, rooms: { ...now.rooms, [`room${i}`]: { by: i } } }))
      tx.update(plan, (now) => ({ ...now, ['__proto__']: { ['__proto__']: i } }))
    }, relay),
  )
  await passing(world, Promise.all(booking))
  expect(runs).toBe(3)
  for (const store of stores) expect(store.get(plan).rooms).toEqual({ room0: { by: 0 }, room1: { by: 1 } })
  const [first] = stores as [Store, Store]
  await passing(world, first.undoAsync())
  await world.clock.pass(1_000)
  for (const store of stores) expect(store.get(plan).rooms).toEqual({ room1: { by: 1 } })
  await world.close()
})

test('[NJ1] a browser decides too: what four tabs write to one field at once is all there', async () => {
  const browser = { arbiter: 'browser' } as const
  const drafts = collection('drafts', { data: json<Nested>({}) }, { ...browser, onConcurrentEdit: 'keep' })
  const world = await createWorld(4)
  const storage = memoryStorage()
  const tabs = await Promise.all(Array.from({ length: 4 }, () => world.open({ storage })))
  await passing(
    world,
    tabs[0]!.transactAsync((tx) => tx.create(drafts.at('d'), {}), browser),
  )
  const writing = tabs.flatMap((tab, t) =>
    [0, 1, 2].map((n) =>
      tab.transactAsync((tx) => {
        tx.update(drafts.at('d'), ({ data }) => ({
          data: { ...data, [`tab${t}`]: { ...(data[`tab${t}`] as Nested), [n]: true } },
        }))
      }, browser),
    ),
  )
  await passing(world, Promise.all(writing))
  const all = Object.fromEntries([0, 1, 2, 3].map((t) => [`tab${t}`, { 0: true, 1: true, 2: true }]))
  for (const tab of tabs) expect(tab.get(drafts.at('d'))).toEqual({ data: all })
  await passing(
    world,
    tabs[1]!.transactAsync((tx) => tx.delete(drafts.at('d')), browser),
  )
  for (const tab of tabs) expect(tab.get(drafts)).toEqual([])
  await world.close()
})

test('[NJ2] a schema and maxBytes judge the whole value, whatever path was written', async () => {
  const limited = record('limited', { data: json<Nested>({}) }, { maxBytes: 45 })
  const world = await createWorld(5)
  const store = await world.open()
  store.transact((tx) => tx.patch(limited, { data: { a: 'x'.repeat(20) } }))
  const grow = (): unknown =>
    store.transact((tx) => tx.update(limited, ({ data }) => ({ data: { ...data, b: 'x'.repeat(20) } })))
  expect(grow).toThrow('may take 45')
  expect(Object.keys(store.get(limited).data)).toEqual(['a'])
  await world.close()
})

test('[RM3] a transaction that followed a reference runs again when what it refers to has moved, and watchers of it are told', async () => {
  const people = collection('people', { name: '' })
  const cards = collection('cards', { owner: reference(people), note: '' })
  const world = await createWorld(6)
  const store = await world.open()
  store.transact((tx) => tx.create(cards.at('c'), { owner: 'ada' }))
  const told: unknown[] = []
  store.changes(
    (snapshot) => follow(snapshot, cards.at('c'), 'owner')?.name,
    ({ value }) => told.push(value),
  )
  let runs = 0
  const { value } = await passing(
    world,
    store.transactAsync(async (tx) => {
      runs += 1
      const owner = follow(tx, cards.at('c'), 'owner')
      await Promise.resolve()
      if (runs === 1) store.transact((inner) => inner.create(people.at('ada'), { name: 'Ada' }))
      tx.patch(cards.at('c'), { note: `for ${owner?.name ?? 'nobody'}` })
      return runs
    }),
  )
  expect([value, store.get(cards.at('c'))?.note]).toEqual([2, 'for Ada'])
  store.transact((tx) => tx.patch(people.at('ada'), { name: 'Ada L.' }))
  store.transact((tx) => tx.patch(cards.at('c'), { note: 'other' }))
  store.transact((tx) => tx.delete(people.at('ada')))
  await world.clock.pass(10)
  expect(told).toEqual(['Ada', 'Ada L.', undefined])
  await world.close()
})
