import { collection, lww, optional, place } from '@syncline/merge'
import { decodeEntry } from '@syncline/protocol'
import { expect, test } from 'vitest'
import { memoryStorage, openStore, StoreError, type Storage, type Store } from '../src/index.ts'
import { openLean } from '../src/lean.ts'
import { lookInto, smallLogs } from './small-logs.ts'
import { withLog } from './with-log.ts'
import { brittleStorage, createWorld, passing, type World } from './world.ts'

const title = lww('title', '')
const secret = lww('secret', '')
const cards = collection('cards', { title: '', at: place() })
const archive = collection('archive', { title: '', due: optional<number>(), at: place() })

/** What was read from a log. */
interface Counted {
  bytes: number
  entries: Uint8Array[]
  clear(): void
}

/** A storage that counts what is read from it. */
function counting(storage: Storage): Storage & { readonly counted: Counted } {
  const counted: Counted = {
    bytes: 0,
    entries: [],
    clear() {
      counted.bytes = 0
      counted.entries = []
    },
  }
  const counting = withLog(storage, (log) => ({
    read: (after, each, ...how) =>
      log.read(
        after,
        (bytes, position, claim) => {
          counted.bytes += bytes.length
          counted.entries.push(bytes)
          return each(bytes, position, claim)
        },
        ...how,
      ),
  }))
  return { ...counting, counted }
}

function fill(store: Store, from: number, to: number): void {
  store.transact((tx) => {
    tx.set(title, `title ${to}`)
    tx.create(cards.at(`c${from}`), { title: `card ${from}` })
    for (let i = from; i < to; i++) {
      tx.create(archive.at(`a${i}`), { title: `old ${i}`.padEnd(200, '.') })
      tx.move(archive.at(`a${i}`), archive.list('done'), 0)
    }
  })
}

/** A compacted log with an archive of so many rows, which can be watched. */
async function archived(
  rows: number,
): Promise<{ readonly world: World; readonly storage: ReturnType<typeof counting> }> {
  const world = await createWorld(1)
  const storage = counting(smallLogs(memoryStorage(), 2_000))
  const store = await world.open({ storage, transport: world.wire(), onDemand: [archive] })
  const loaded = await store.load(archive)
  for (let i = 0; i < rows; i += 50) {
    fill(store, i, i + 50)
    await passing(world, store.synced())
    await store.durable()
  }
  await world.clock.pass(20_000)
  loaded.release()
  await store.close()
  return { world, storage }
}

/** The ids of the archived cards that stand in the cells of a log. */
async function archivedIn(storage: Storage): Promise<readonly string[]> {
  const log = await storage.openLog('board')
  const found: string[] = []
  await log.read(0, (bytes) => void found.push(...archivedAt(bytes)))
  await log.close()
  return found
}

function archivedAt(bytes: Uint8Array): readonly string[] {
  const entry = decodeEntry(bytes)
  return entry.kind === 'cells'
    ? entry.cells.flatMap(({ address }) => (address.startsWith('archive/') ? address : []))
    : []
}

const picture = (store: Store): unknown => [
  store.get(title),
  [...store.items(cards)],
  [...store.items(archive)],
  store.get(archive.list('done')),
]

test('[OD1] what is on demand is not read from the storage when a store opens, and is when it is asked for', async () => {
  const { world, storage } = await archived(400)
  const { counted } = storage
  expect((await archivedIn(storage)).length).toBeGreaterThan(150)

  counted.clear()
  const all = await world.open({ storage })
  const whole = counted.bytes
  const expected = picture(all)
  expect(all.get(archive).length).toBe(400)
  await all.close()

  counted.clear()
  const store = await world.open({ storage, onDemand: [archive] })
  expect(store.get(title)).toBe('title 400')
  expect(store.get(cards).length).toBe(8)
  expect(counted.entries.flatMap(archivedAt)).toEqual([])
  expect(counted.bytes).toBeLessThan(whole / 2)

  // Of a log that somebody else compacts meanwhile too.
  counted.clear()
  const loaded = await store.load(archive)
  expect(counted.entries.flatMap(archivedAt).length).toBeGreaterThan(150)
  expect(counted.bytes).toBeLessThan(whole + 1)
  expect(picture(store)).toEqual(expected)
  loaded.release()
  await store.close()
  await world.close()
})

test('[OD2] what is not loaded is neither read nor written, and nothing has happened', async () => {
  const { world, storage } = await archived(50)
  const store = await world.open({ storage, onDemand: [archive], transport: world.wire() })
  const refused: readonly (() => unknown)[] = [
    () => store.get(archive),
    () => store.get(archive.at('a1')),
    () => store.get(archive.list('done')),
    () => store.snapshot.get(archive.at('nobody')),
    () => [...store.items(archive)],
    () => store.changes(archive, () => undefined, { initial: true }),
    () => store.transact((tx) => (tx.set(title, 'never'), tx.create(archive.at('new'), { title: '' }))),
    () => store.transact((tx) => (tx.set(title, 'never'), tx.patch(archive.at('a1'), { title: '' }))),
    () => store.transact((tx) => (tx.set(title, 'never'), tx.delete(archive.at('a1')))),
    () => store.transact((tx) => (tx.set(title, 'never'), tx.move(archive.at('a1'), archive.list('done'), 0))),
    () => store.snapshot.with((tx) => tx.create(archive.at('new'), { title: '' })),
  ]
  for (const act of refused) expect(act).toThrow(expect.objectContaining({ code: 'not-loaded' }))
  await expect(store.transactAsync((tx) => tx.get(archive))).rejects.toMatchObject({ code: 'not-loaded' })
  expect(store.get(title)).toBe('title 50')
  expect([store.isLoaded(archive), store.isLoaded(archive.at('a1')), store.isLoaded(title)]).toEqual([
    false,
    false,
    true,
  ])

  // An undo needs what is there.
  const loaded = await store.load(archive)
  store.transact((tx) => (tx.set(title, 'both'), tx.patch(archive.at('a1'), { title: 'mine' })))
  await passing(world, store.synced())
  await store.durable()
  await world.clock.pass(100)
  loaded.release()
  expect(store.isLoaded(archive)).toBe(false)
  expect(() => store.undo()).toThrow(expect.objectContaining({ code: 'not-loaded' }))
  expect(store.get(title)).toBe('both')
  const again = await store.load(archive.at('a1'))
  expect(store.get(archive.at('a1'))!.title).toBe('mine')
  store.undo()
  expect(store.get(archive.at('a1'))!.title.slice(0, 5)).toBe('old 1')
  expect(store.get(title)).toBe('title 50')
  again.release()
  await store.close()
  await world.close()
})

test('[OD3] it stays as long as somebody holds it, and until the log has it', async () => {
  const world = await createWorld(1)
  const wire = world.wire()
  let isFull = false
  const storage = brittleStorage(memoryStorage(), () =>
    isFull ? new StoreError('storage-full', 'No room.') : undefined,
  )
  const store = await world.open({ storage, onDemand: [archive], transport: wire })
  const [one, two] = await Promise.all([store.load(archive), store.load(archive.list('done'))])
  fill(store, 0, 5)
  await passing(world, store.synced())
  await store.durable()
  one.release()
  one.release()
  expect(store.isLoaded(archive)).toBe(true)
  const before = store.snapshot
  two.release()
  expect(store.isLoaded(archive)).toBe(false)
  expect(() => before.get(archive)).toThrow('not loaded')
  expect(before.get(title)).toBe('title 5')

  const third = await store.load(archive)
  const other = await world.open({ transport: world.wire() })
  isFull = true
  await passing(world, other.transact((tx) => tx.set(title, 'theirs')).synced())
  await world.clock.pass(100)
  expect(store.get(title)).toBe('theirs')
  expect(store.get(archive).length).toBe(5)
  third.release()
  // What the relay has told is not in the log yet.
  expect(store.isLoaded(archive)).toBe(true)
  isFull = false
  await world.clock.pass(10_000)
  expect(store.isLoaded(archive)).toBe(false)
  // An old Snapshot does not show what came later.
  const fourth = await store.load(archive)
  expect(() => before.get(archive)).toThrow('not loaded all the time')
  expect(store.snapshot.get(archive).length).toBe(5)
  fourth.release()
  await store.close()
  await world.close()
})

test('[OD5] what is pending lies over what is loaded, whatever was ordered or refused meanwhile', async () => {
  for (const when of ['before', 'after'] as const) {
    const world = await createWorld(1, {
      refuse: ({ touched }) =>
        touched.some(({ address }) => address === 'secret') ? { code: 'forbidden', message: 'Not yours.' } : undefined,
    })
    const wire = world.wire()
    const store = await world.open({ storage: memoryStorage(), onDemand: [archive], transport: wire })
    const other = await world.open({ transport: world.wire() })
    const [a0, a1] = [archive.at('a0'), archive.at('a1')]
    let loaded = await store.load(archive)
    fill(store, 0, 5)
    await passing(world, store.synced())
    await world.clock.pass(1000)

    wire.cut()
    store.transact((tx) => (tx.set(secret, 'no'), tx.patch(a1, { title: 'mine' }), tx.patch(a0, { title: 'mine' })))
    store.transact((tx) => tx.patch(a0, { title: 'mine too' }))
    await store.durable()
    loaded.release()
    expect(store.isLoaded(archive)).toBe(false)
    // Over what the log has of it, which is not what is ordered by then.
    loaded = await store.load(archive)
    expect([store.get(a0)?.title, store.get(a1)?.title]).toEqual(['mine too', 'mine'])
    loaded.release()
    other.transact((tx) => (tx.patch(a1, { due: 7 }), tx.patch(a0, { due: 8 }), tx.delete(archive.at('a2'))))
    await passing(world, other.synced())
    expect(store.isLoaded(archive)).toBe(false)
    wire.mend()
    if (when === 'before') {
      loaded = await store.load(archive)
      await world.clock.pass(10_000)
    } else {
      await world.clock.pass(10_000)
      loaded = await store.load(archive)
    }
    expect(store.refused.list().length).toBe(2)
    expect([store.status.pending, store.snapshot.basis]).toEqual([0, other.snapshot.basis])
    expect([store.get(a0)?.due, store.get(a1)?.due]).toEqual([8, 7])
    expect(picture(store)).toEqual(picture(other))
    loaded.release()
    await store.close()
    await world.close()
  }
})

test('[OD6] a tab compacts what it has not loaded, and nothing is lost', async () => {
  const { world, storage } = await archived(100)
  const there = (await archivedIn(storage)).length
  const store = await world.open({ storage, onDemand: [archive], transport: world.wire() })
  const other = await world.open({ transport: world.wire() })
  await world.clock.pass(1000)
  for (let i = 0; i < 100; i++) {
    store.transact((tx) => tx.set(title, `${i}`.padEnd(200)))
    // Somebody writes what this tab has not loaded.
    other.transact((tx) => tx.patch(archive.at(`a${i}`), { title: `theirs ${i}` }))
    await passing(world, Promise.all([store.synced(), other.synced()]))
  }
  await world.clock.pass(20_000)
  expect(store.isLoaded(archive)).toBe(false)
  const { kinds } = await lookInto(storage)
  expect(kinds.slice(0, 2)).toEqual(['rest', 'cells'])
  expect(kinds.filter((kind) => kind === 'ordered').length).toBeLessThan(100)
  const kept = await archivedIn(storage)
  expect(kept.length).toBeGreaterThanOrEqual(there)
  // Nothing is left of what was overwritten.
  expect(new Set(kept).size).toBe(kept.length)
  const loaded = await store.load(archive)
  expect(picture(store)).toEqual(picture(other))
  loaded.release()
  await store.close()
  const again = await world.open({ storage })
  expect(picture(again)).toEqual(picture(other))
  await again.close()
  await world.close()
})

test('[OD7] damage in what was passed over is told when it is loaded, and the relay heals it', async () => {
  const { world, storage } = await archived(400)
  let isDamaged = true
  const asides: number[] = []
  const flawed = withLog(storage, (log) => ({
    read: (after, each, ...how) =>
      log.read(
        after,
        (bytes, position, claim) => {
          if (isDamaged && archivedAt(bytes).length > 0) bytes[20]! ^= 1
          return each(bytes, position, claim)
        },
        ...how,
      ),
    setAside: (position, reason) => (asides.push(position), log.setAside(position, reason)),
  }))
  const errors: unknown[] = []
  const onError = (error: unknown): void => void errors.push(error)
  const store = await world.open({ storage: flawed, onDemand: [archive], transport: world.wire(), onError })
  await world.clock.pass(1000)
  expect([errors, store.status.storage]).toEqual([[], 'ok'])
  const loaded = await passing(world, store.load(archive))
  isDamaged = false
  expect(errors).toMatchObject([{ code: 'storage-damaged' }])
  expect(store.status.storage).toBe('damaged')
  expect(asides.length).toBeGreaterThan(1)
  await world.clock.pass(20_000)
  expect(store.get(archive).length).toBe(400)
  loaded.release()
  await store.close()
  const again = await world.open({ storage })
  expect([again.get(archive).length, again.status.storage]).toEqual([400, 'ok'])
  await again.close()
  await world.close()
})

test('[OD8] only collections and single refs that merge can be on demand, and without a storage all is in memory', async () => {
  const storage = memoryStorage()
  const seat = lww('seat', '', { arbiter: 'relay' })
  const draft = lww('draft', '', { arbiter: 'browser' })
  for (const onDemand of [[archive.list('done')], [seat], [draft]]) {
    await expect(openStore({ space: 'board', storage, onDemand })).rejects.toMatchObject({ code: 'invalid-on-demand' })
  }
  await expect(openStore({ space: 'board', storage, onDemand: [archive], ready: [archive] })).rejects.toMatchObject({
    code: 'invalid-on-demand',
  })
  await expect(openLean({ space: 'board', storage, onDemand: [archive], parts: [] })).rejects.toMatchObject({
    code: 'part-missing',
    part: 'onDemand',
  })
  const store = await openStore({ space: 'board', onDemand: [archive] })
  expect([store.isLoaded(archive), store.get(archive)]).toEqual([true, []])
  ;(await store.load(archive)).release()
  expect(store.get(archive)).toEqual([])
  await store.close()
  await expect(store.load(archive)).rejects.toMatchObject({ code: 'closed' })
})

test('[OD9] a storage that cannot be read refuses a load, and a later one is free', async () => {
  const { world, storage } = await archived(50)
  let isGone = false
  const gone = withLog(storage, (log) => ({
    read: (...how) => (isGone ? Promise.reject(new StoreError('storage-lost', 'Gone.')) : log.read(...how)),
  }))
  const store = await world.open({ storage: gone, onDemand: [archive] })
  isGone = true
  await expect(store.load(archive)).rejects.toMatchObject({ code: 'storage-lost' })
  expect(store.isLoaded(archive)).toBe(false)
  isGone = false
  const loaded = await store.load(archive)
  expect(store.get(archive).length).toBe(50)
  loaded.release()
  // Closed meanwhile.
  const late = store.load(archive).catch((error: unknown) => error)
  await store.close()
  expect(await late).toMatchObject({ code: 'closed' })
  await world.close()
})

test('[OD1] what is loaded can be read at once, also where others have written what nobody here has read yet', async () => {
  const world = await createWorld(1)
  const other = await world.open({ transport: world.wire() })
  const store = await world.open({ transport: world.wire(), onDemand: [archive] })
  const { snapshot } = store
  other.transact((tx) => {
    tx.create(cards.at('c'), { title: 'card' })
    tx.create(archive.at('a'), { title: 'old' })
  })
  await passing(world, other.synced())
  await world.clock.pass(1_000)
  const shown = store.snapshot
  expect(shown).not.toBe(snapshot)
  await passing(world, store.load(archive))
  expect([store.get(archive), store.get(cards)]).toEqual([['a'], ['c']])
  expect(() => snapshot.get(archive)).toThrow('was not loaded all the time')
  await world.close()
})
