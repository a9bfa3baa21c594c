import { collection, lww } from '@syncline/merge'
import { decodeEntry, isOfDirectory } from '@syncline/protocol'
import { expect, test } from 'vitest'
import { everything, memoryStorage, StoreError, type Store } from '../src/index.ts'
import { collect, living } from './living.ts'
import { smallLogs } from './small-logs.ts'
import { withLog } from './with-log.ts'
import { brittleStorage, createWorld, passing } from './world.ts'

const title = lww('title', '')
const seat = lww('seat', '', { arbiter: 'relay' })
const archive = collection('archive', { title: '' })
const notes = collection('notes', { text: '' })

/** Something that waits until it is opened. */
function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => undefined
  const opened = new Promise<void>((resolve) => (open = resolve))
  return { opened, open }
}

const both = (store: Store): readonly unknown[] => [[...store.items(archive)], [...store.items(notes)]]
const titles = (store: Store): readonly unknown[] => [...store.items(archive)]

test('[OD4] [OD5] nothing comes into the memory while a checkpoint is read that leaves it out', async () => {
  const world = await createWorld(1)
  const shared = memoryStorage()
  const [before, between] = [gate(), gate()]
  let isHeld = false
  let isBetween = false
  // This tab never compacts, and is stopped before it reads on, and behind the cells in the checkpoint of another one.
  const storage = withLog(shared, (log) => ({
    worthBytes: Infinity,
    async read(after, each, ...how) {
      if (isHeld && after > 0) await before.opened
      return log.read(
        after,
        (bytes, position, claim) => {
          const isOfCheckpoint = after > 0 && decodeEntry(bytes).kind === 'rest'
          if (!isOfCheckpoint || isOfDirectory(bytes)) return each(bytes, position, claim)
          isBetween = true
          return between.opened.then(() => each(bytes, position, claim))
        },
        ...how,
      )
    },
  }))
  const store = await world.open({ storage, onDemand: [archive], transport: world.wire() })
  const loaded = await store.load(archive)
  store.transact((tx) => {
    for (let i = 0; i < 5; i++) tx.create(archive.at(`a${i}`), { title: `old ${i}`.padEnd(200, '.') })
  })
  for (let i = 0; i < 60; i++) {
    store.transact((tx) => tx.set(title, `${i}`.padEnd(100, '.')))
    await passing(world, store.synced())
  }
  await store.durable()
  loaded.release()
  expect(store.isLoaded(archive)).toBe(false)

  isHeld = true
  const sibling = await world.open({ storage: smallLogs(shared, 1_000), onDemand: [archive] })
  sibling.transact((tx) => tx.set(title, 'theirs'))
  await sibling.durable()
  await world.clock.pass(5_000)
  before.open()
  await world.clock.pass(100)
  expect(isBetween).toBe(true)
  const loading = store.load(archive)
  await world.clock.pass(3_000)
  expect(store.isLoaded(archive)).toBe(false)
  between.open()
  await passing(world, loading)
  await world.clock.pass(1_000)
  expect(store.get(title)).toBe('theirs')
  expect(titles(store).length).toBe(5)
  await sibling.load(archive)
  expect(titles(store)).toEqual(titles(sibling))
  await store.close()
  await sibling.close()
  await world.close()
})

test('[OD3] [UN17] it stays while the relay is asked about it, so what is accepted can be taken back', async () => {
  const world = await createWorld(1)
  const wire = world.wire()
  const store = await world.open({ storage: memoryStorage(), onDemand: [archive], transport: wire })
  const a = archive.at('a')
  const loaded = await store.load(archive)
  store.transact((tx) => tx.create(a, { title: 'first' }), { undo: false })
  await passing(world, store.synced())
  await store.durable()
  await world.clock.pass(1000)
  wire.filter = (direction) => direction === 'up'
  const booked = store.transactAsync(
    (tx) => {
      tx.set(seat, 'ann')
      tx.patch(a, { title: 'second' })
    },
    { arbiter: 'relay' },
  )
  await world.clock.pass(1000)
  loaded.release()
  expect(store.isLoaded(archive)).toBe(true)
  wire.filter = undefined
  wire.cut()
  wire.mend()
  await passing(world, booked)
  await world.clock.pass(60_000)
  expect(store.isLoaded(archive)).toBe(false)
  const again = await store.load(archive)
  expect(store.get(a)?.title).toBe('second')
  const undone = await passing(world, store.undoAsync())
  expect(undone).toMatchObject({ irreversible: [] })
  expect([store.get(seat), store.get(a)?.title]).toEqual(['', 'first'])
  again.release()
  await store.close()
  await world.close()
})

test('[OD3] [OD4] a load is not overtaken by those who write, and what is let go of meanwhile leaves when it is over', async () => {
  const world = await createWorld(1)
  let reads = 0
  const storage = withLog(memoryStorage(), (log) => ({
    async read(after, ...how) {
      const end = await log.read(after, ...how)
      if (after > 0) return end
      reads += 1
      await new Promise<void>((resolve) => world.clock.setTimer(500, resolve))
      return end
    },
  }))
  const opening = world.open({ storage, onDemand: [archive, notes], transport: world.wire() })
  const store = await passing(world, opening)
  const other = await world.open({ transport: world.wire() })
  await world.clock.pass(1_000)
  const held = await passing(world, store.load(notes))
  reads = 0
  const loading = store.load(archive)
  await world.clock.pass(100)
  held.release()
  for (let i = 0; i < 5; i++) {
    other.transact((tx) => tx.create(archive.at(`a${i}`), { title: `new ${i}` }))
    await world.clock.pass(50)
  }
  expect([store.snapshot.basis.relaySeq, store.isLoaded(archive), store.isLoaded(notes)]).toEqual([5, false, true])
  await world.clock.pass(200)
  expect([reads, store.isLoaded(archive), store.isLoaded(notes)]).toEqual([1, true, false])
  await loading
  expect(titles(store)).toEqual(titles(other))
  await world.close()
})

test('[OD1] [OD5] of what others write to what is away nothing stays in the memory when the log has it', async () => {
  const world = await createWorld(1)
  const store = await world.open({ storage: memoryStorage(), onDemand: [archive], transport: world.wire() })
  const other = await world.open({ transport: world.wire() })
  await world.clock.pass(1_000)
  const written: WeakRef<object>[] = []
  store.changes(everything, ({ changes }) => {
    for (const { ops } of changes ?? []) written.push(new WeakRef(ops[0]!))
  })
  for (let i = 0; i < 300; i++) {
    other.transact((tx) => tx.create(archive.at(`a${i}`), { title: `new ${i}` }))
    if (i % 10 === 0) await world.clock.pass(50)
  }
  await world.clock.pass(10_000)
  expect(store.snapshot.basis.relaySeq).toBe(300)
  await collect()
  expect(written.length).toBe(300)
  expect(living(written)).toBeLessThan(100)
  await world.close()
})

test('[OD4] [OD5] what others wrote to one thing while the disk was full comes with that one alone', async () => {
  const world = await createWorld(1)
  let isFull = false
  const storage = brittleStorage(memoryStorage(), () =>
    isFull ? new StoreError('storage-full', 'No room.') : undefined,
  )
  const store = await world.open({ storage, onDemand: [archive, notes], transport: world.wire() })
  const other = await world.open({ transport: world.wire() })
  await world.clock.pass(1_000)
  other.transact((tx) => (tx.create(archive.at('a'), { title: 'old' }), tx.create(notes.at('n'), { text: 'old' })))
  await passing(world, other.synced())
  await world.clock.pass(1_000)
  isFull = true
  other.transact((tx) => (tx.patch(archive.at('a'), { title: 'new' }), tx.patch(notes.at('n'), { text: 'new' })))
  await passing(world, other.synced())
  await world.clock.pass(100)
  await store.load(archive)
  await store.load(notes)
  expect(both(store)).toEqual(both(other))
  isFull = false
  await world.clock.pass(10_000)
  expect(both(store)).toEqual(both(other))
  await world.close()
})
