import { collection } from '@syncline/merge'
import { decodeEntry, encodeEntry, isOfDirectory, type CheckpointEntry, type LogEntry } from '@syncline/protocol'
import { expect, test } from 'vitest'
import { memoryStorage, StoreError, type Log, type ReadRange, type Storage, type Store } from '../src/index.ts'
import { countedDisk, countedIn } from './counted-disk.ts'
import { inTurns } from './in-turns.ts'
import { all, cards, draft, drafts, picture, title, votes, write } from './refs-of-all.ts'
import { smallLogs } from './small-logs.ts'
import { withLog } from './with-log.ts'
import { createWorld, mortalTab, passing, settle, type World } from './world.ts'

const rows = collection('rows', { title: '', done: false })

/** Everything but what only this browser has. */
const shared = (store: Store): unknown =>
  all.filter((ref) => ref !== draft && ref !== drafts).map((ref) => store.get(ref))

const whatIs = (entry: LogEntry): string => (entry.kind === 'rest' ? entry.rest[0] : entry.kind)

interface Noting {
  readonly storage: Storage
  /** What was read of it. */
  readonly read: string[]
  bytes(): number
  /** Behind how many entries a storage may have read on before they were taken in. */
  ahead(): number
}

/** A storage that notes what is read of it. */
function noting(disk: Storage): Noting {
  const read: string[] = []
  let bytes = 0
  let ahead = 0
  return {
    read,
    bytes: () => bytes,
    ahead: () => ahead,
    storage: withLog(disk, (log) => ({
      read(after, each, bad, next) {
        let range: ReadRange | undefined
        return log.read(
          after,
          (entry, ...more) => {
            read.push(whatIs(decodeEntry(entry)))
            bytes += entry.length
            if (range?.isBeginning?.(entry) === true) ahead += 1
            return each(entry, ...more)
          },
          bad,
          next && ((last) => (range = next(last))),
        )
      },
    })),
  }
}

async function partsOf(
  disk: Storage,
): Promise<readonly { readonly entry: LogEntry; readonly position: number; readonly bytes: Uint8Array }[]> {
  const log = await disk.openLog('board')
  const found: { entry: LogEntry; position: number; bytes: Uint8Array }[] = []
  await log.read(0, (bytes, position) => void found.push({ entry: decodeEntry(bytes), position, bytes }))
  await log.close()
  return found
}

async function bytesOf(disk: Storage, what: string): Promise<number> {
  const parts = await partsOf(disk)
  return parts.reduce((sum, { entry, bytes }) => sum + (whatIs(entry) === what ? bytes.length : 0), 0)
}

/** How many are asleep in a checkpoint, and how many its directory names. */
async function countsOf(disk: Storage): Promise<readonly [number, number]> {
  let [asleep, named] = [0, 0]
  for (const { entry } of await partsOf(disk)) {
    if (entry.kind !== 'rest') continue
    if (entry.rest[0] === 'asleep') asleep += entry.rest[1][0]
    if (entry.rest[0] !== 'directory') continue
    for (const [, from, to] of entry.rest[1].asleep?.[3] ?? []) named += to + 1 - from
  }
  return [asleep, named]
}

/** Lets a store compact. */
async function compacting(world: World): Promise<void> {
  for (let i = 0; i < 10; i++) await world.clock.pass(500)
}

test('[CP14] of what is asleep nothing is read when a space is opened, and it is known all the same which Changes are pending', async () => {
  const world = await createWorld(1)
  const { disk, storage, shown } = await countedDisk(world, write)
  const [asleep, ...others] = await Promise.all(
    ['asleep', 'rows', 'cells', 'undoable', 'directory'].map((what) => bytesOf(disk, what)),
  )
  const noted = noting(storage)
  const store = await world.open({ storage: noted.storage })
  expect(picture(store)).toEqual(shown)
  expect(store.status).toMatchObject({ pending: 60, unsaved: 0, saved: 'device', storage: 'ok' })
  expect(noted.read).not.toContain('asleep')
  expect(asleep).toBeGreaterThan(1_000)
  // All else is read once; and the last part, which stands there twice.
  const ledger = await bytesOf(disk, 'ledger')
  const behind = (await bytesOf(disk, 'commits')) + (await bytesOf(disk, 'run'))
  expect(noted.bytes()).toBe(others.reduce((sum, size) => sum + size, 0) + ledger + behind)
  // Behind the directory nobody reads on who does not know yet what that says.
  expect(noted.ahead()).toBe(0)
  // Who waits for them waits for each.
  let isSynced = false
  const synced = store.synced().then(
    () => (isSynced = true),
    () => undefined,
  )
  await world.clock.pass(1_000)
  expect(isSynced).toBe(false)
  await passing(world, store.undoAsync())
  store.undo()
  expect(store.get(title)).toBe('title 58')
  await store.durable()
  expect(noted.read).not.toContain('asleep')
  await store.close()
  await synced
  await world.close()
})

test('[CP14] a compaction takes over what is asleep as it lies in the log', async () => {
  const world = await createWorld(2)
  const { disk, storage } = await countedDisk(world, write)
  const listsIn = async (): Promise<readonly unknown[]> =>
    (await partsOf(disk)).flatMap(({ entry }) =>
      entry.kind === 'rest' && entry.rest[0] === 'asleep' ? [entry.rest[1]] : [],
    )
  const before = await listsIn()
  const store = await world.open({ storage })
  for (let i = 60; i < 200; i++) {
    write(store, i)
    await store.durable()
  }
  await compacting(world)
  const after = await listsIn()
  expect(after.slice(0, before.length)).toEqual(before)
  expect(after.length).toBeGreaterThan(before.length)
  const shown = picture(store)
  await store.close()
  const again = await world.open({ storage, transport: world.wire() })
  expect(picture(again)).toEqual(shown)
  expect(again.status.pending).toBe(200)
  await passing(world, again.synced())
  const other = await world.open({ storage: memoryStorage(), transport: world.wire() })
  await world.clock.pass(1_000)
  expect(shared(other)).toEqual(shared(again))
  expect(other.get(votes)).toBe(200)
  await world.close()
})

test('[CP14] whoever opens a log that says behind them what has become of them reads all, and anew', async () => {
  const world = await createWorld(14)
  const { disk, storage } = await countedDisk(world, write)
  const large = withLog(disk, () => ({ worthBytes: 1e9 }))
  const linked = await world.open({ storage: large, transport: world.wire() })
  await passing(world, linked.synced())
  await world.clock.pass(1_000)
  const shown = picture(linked)
  await linked.close()
  expect(await countedIn(disk)).toBe(true)
  const noted = noting(storage)
  const again = await world.open({ storage: noted.storage })
  expect(noted.read.filter((what) => what === 'asleep')).toHaveLength(1)
  expect(picture(again)).toEqual(shown)
  expect(again.status).toMatchObject({ pending: 0, storage: 'ok' })
  await world.close()
})

test('[CP14] whoever has woken and has heard nothing of a relay puts all to sleep again, each once', async () => {
  const world = await createWorld(13)
  const { disk, storage } = await countedDisk(world, write)
  const wire = world.wire()
  wire.isWhole = false
  const noted = noting(storage)
  const store = await world.open({ storage: noted.storage, transport: wire })
  await world.clock.pass(1_000)
  expect(noted.read).toContain('asleep')
  for (let i = 60; i < 200; i++) {
    write(store, i)
    await store.durable()
  }
  await compacting(world)
  const shown = picture(store)
  await store.close()
  const [asleep, named] = await countsOf(disk)
  expect(asleep).toBe(named)
  expect(asleep).toBeGreaterThan(60)
  const again = await world.open({ storage, transport: world.wire() })
  expect(picture(again)).toEqual(shown)
  expect(again.status.pending).toBe(200)
  await passing(world, again.synced())
  expect(again.get(votes)).toBe(200)
  await world.close()
})

/** A storage whose reading from the beginning can be held. */
function slowReader(disk: Storage): {
  readonly storage: Storage
  hold(): void
  letGo(): void
  readonly isHeld: () => boolean
} {
  const waiting: (() => void)[] = []
  let isHeld = false
  return {
    storage: withLog(disk, (log) => ({
      async read(after, ...how) {
        if (isHeld && after === 0) await new Promise<void>((resolve) => waiting.push(resolve))
        return log.read(after, ...how)
      },
    })),
    isHeld: () => waiting.length > 0,
    hold: () => void (isHeld = true),
    letGo() {
      isHeld = false
      for (const go of waiting.splice(0)) go()
    },
  }
}

test.each(['counts', 'has some of it on demand'])(
  '[CP14] whoever still sleeps when another tab that %s has compacted wakes from what that has written',
  async (how) => {
    const world = await createWorld(3)
    const { disk, storage } = await countedDisk(world, write)
    const sleeper = await world.open({ storage: disk })
    const other = await world.open({ storage, ...(how !== 'counts' && { onDemand: [cards] }) })
    for (let i = 60; i < 200; i++) {
      if (how === 'counts') write(other, i)
      else other.transact((tx) => (tx.set(title, `title ${i}`.padEnd(500, '.')), tx.add(votes, 1)))
      await other.durable()
    }
    await compacting(world)
    expect(await countedIn(disk)).toBe(how === 'counts')
    sleeper.transact((tx) => tx.add(votes, 1))
    await sleeper.durable()
    await other.close()
    const linked = await world.open({ storage, transport: world.wire() })
    await passing(world, linked.synced())
    await world.clock.pass(1_000)
    expect(picture(sleeper)).toEqual(picture(linked))
    expect([sleeper.get(votes), sleeper.status.pending, linked.status.pending]).toEqual([201, 0, 0])
    await world.close()
  },
)

test.each(['before it has read what the relay has ordered', 'while it wakes for that'])(
  '[CP14] [CP4] whose sleepers are in no log any more takes up what has become of them: %s',
  async (when) => {
    const world = await createWorld(4)
    const { storage } = await countedDisk(world, write)
    const slow = slowReader(storage)
    const sleeper = await world.open({ storage: slow.storage })
    sleeper.transact((tx) => tx.add(votes, 1))
    await sleeper.durable()
    const synced = sleeper.synced()
    const shown: number[] = []
    sleeper.changes(votes, ({ now }) => void shown.push(now.get(votes)))
    if (when.startsWith('while')) slow.hold()
    const linked = await world.open({ storage, transport: world.wire() })
    await passing(world, linked.synced())
    expect(slow.isHeld()).toBe(when.startsWith('while'))
    for (let i = 60; i < 200; i++) await passing(world, (write(linked, i), linked.synced()))
    await compacting(world)
    expect((await partsOf(storage)).map(({ entry }) => whatIs(entry))).not.toContain('asleep')
    slow.letGo()
    await world.clock.pass(2_000)
    expect(sleeper.status.pending).toBe(0)
    await synced
    expect(picture(sleeper)).toEqual(picture(linked))
    expect([sleeper.get(votes), sleeper.status.pending, sleeper.status.storage]).toEqual([201, 0, 'ok'])
    // In between, too, nothing was lost.
    expect(Math.min(...shown)).toBeGreaterThan(61)
    // It goes on as ever.
    sleeper.transact((tx) => tx.add(votes, 1))
    await passing(world, sleeper.synced())
    await world.clock.pass(100)
    expect(linked.get(votes)).toBe(202)
    await world.close()
  },
)

test.each(['wakes', 'opens the space'])(
  '[CP14] [CP7] whoever %s, and has read which are asleep when another checkpoint takes the place of that one, goes on with what this says',
  async (how) => {
    const world = await createWorld(6)
    const { storage } = await countedDisk(world, write)
    let isHeld = false
    let [isBetween, letGo] = [false, (): void => undefined]
    const turns = inTurns(storage, async (last) => {
      if (!isHeld || !isOfDirectory(last)) return
      isHeld = false
      isBetween = true
      await new Promise<void>((resolve) => (letGo = resolve))
    })
    const isOpen = how === 'wakes'
    const open = (): Promise<Store> => world.open({ storage: turns })
    const opened = isOpen ? await open() : undefined
    const shown: number[] = []
    opened?.changes(votes, ({ now }) => void shown.push(now.get(votes)))
    isHeld = true
    const opening = opened ?? open()
    const linked = await world.open({ storage, transport: world.wire() })
    await passing(world, linked.synced())
    expect(isBetween).toBe(true)
    for (let i = 60; i < 200; i++) await passing(world, (write(linked, i), linked.synced()))
    await compacting(world)
    expect((await partsOf(storage)).map(({ entry }) => whatIs(entry))).not.toContain('asleep')
    letGo()
    const store = await passing(world, Promise.resolve(opening))
    // Whoever opens has all that there is from the beginning.
    shown.push(store.get(votes))
    await world.clock.pass(2_000)
    expect(picture(store)).toEqual(picture(linked))
    expect([store.get(votes), store.status.pending, store.status.storage]).toEqual([200, 0, 'ok'])
    // In between, too, nothing was lost.
    expect(Math.min(...shown)).toBeGreaterThanOrEqual(isOpen ? 60 : 200)
    await world.close()
  },
)

test('[CP14] whoever wakes while it compacts has each of them once, and so has the checkpoint', async () => {
  const world = await createWorld(5)
  const { storage } = await countedDisk(world, write)
  let letGo = (): void => undefined
  const held = new Promise<void>((resolve) => (letGo = resolve))
  let isReplacing = false
  const store = await world.open({
    storage: withLog(storage, (log) => ({
      async replace(...how) {
        isReplacing = true
        await held
        await log.replace(...how)
      },
    })),
  })
  for (let i = 60; i < 200; i++) {
    write(store, i)
    await store.durable()
  }
  await world.clock.pass(1_000)
  expect(isReplacing).toBe(true)
  const linked = await world.open({ storage: withLog(storage, () => ({ worthBytes: 1e9 })), transport: world.wire() })
  await passing(world, linked.synced())
  await world.clock.pass(1_000)
  expect(store.status.pending).toBe(0)
  letGo()
  await world.clock.pass(1_000)
  expect(await countedIn(storage)).toBe(true)
  expect(picture(store)).toEqual(picture(linked))
  const again = await world.open({ storage })
  expect(picture(again)).toEqual(picture(linked))
  expect([again.get(votes), again.status.pending]).toEqual([200, 0])
  await world.close()
})

test('[CP14] where another tab has put to sleep what is awake here, a compaction has each of them once', async () => {
  const world = await createWorld(12)
  const { disk, storage } = await countedDisk(world, write)
  let letGo = (): void => undefined
  const held = new Promise<void>((resolve) => (letGo = resolve))
  const early = await world.open({
    storage: withLog(storage, (log) => ({
      async replace(...how) {
        await held
        await log.replace(...how)
      },
    })),
  })
  const late = await world.open({ storage: smallLogs(disk, 3_000) })
  let written = 60
  async function writeMore(store: Store, count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      write(store, written++)
      await store.durable()
    }
    await compacting(world)
  }
  await writeMore(early, 140)
  await writeMore(late, 20)
  letGo()
  await world.clock.pass(100)
  expect((await partsOf(disk)).filter(({ entry }) => whatIs(entry) === 'asleep').length).toBeGreaterThan(1)
  await early.close()
  await writeMore(late, 300)
  const shown = picture(late)
  const [asleep, named] = await countsOf(disk)
  expect(asleep).toBe(named)
  expect(asleep).toBeGreaterThan(220)
  await late.close()
  const again = await world.open({ storage: disk, transport: world.wire() })
  expect(picture(again)).toEqual(shown)
  expect([again.get(votes), again.status.pending]).toEqual([520, 520])
  await passing(world, again.synced())
  const other = await world.open({ storage: memoryStorage(), transport: world.wire() })
  await world.clock.pass(1_000)
  expect(shared(other)).toEqual(shared(again))
  expect([other.get(votes), again.get(votes)]).toEqual([520, 520])
  await world.close()
})

/** A checkpoint with several parts of what is asleep. */
async function muchAsleep(world: World): Promise<{ readonly disk: Storage; readonly storage: Storage }> {
  const { disk, storage } = await countedDisk(world, (store, i) => {
    store.transact((tx) => (tx.add(votes, 1), tx.create(rows.at(`r${i}`), { title: `row ${i}`.padEnd(8_000, '.') })))
  })
  expect((await partsOf(disk)).filter(({ entry }) => whatIs(entry) === 'asleep').length).toBeGreaterThan(4)
  return { disk, storage }
}

/** The log with a bit of some entries flipped. */
function flipped(storage: Storage, ...positions: readonly (number | undefined)[]): Storage {
  return withLog(storage, (log) => ({
    read: (after, each, ...how) =>
      log.read(
        after,
        (bytes, position, claim) => {
          if (positions.includes(position)) bytes[bytes.length >> 1]! ^= 1
          return each(bytes, position, claim)
        },
        ...how,
      ),
  }))
}

test('[CP16] [DM1] whichever part of them is damaged, it is told when they wake, and the others make it again: all are there and are sent', async () => {
  let damages = 0
  for (let place = 0; ; place++) {
    const world = await createWorld(6)
    const { disk, storage } = await muchAsleep(world)
    const part = (await partsOf(disk)).filter(({ entry }) => /asleep|spare/.test(whatIs(entry)))[place]
    if (part === undefined) {
      await world.close()
      break
    }
    const errors: { code?: string }[] = []
    const store = await world.open({
      storage: flipped(storage, part.position),
      transport: world.wire(),
      onError: (error) => errors.push(error as StoreError),
    })
    store.transact((tx) => tx.add(votes, 1))
    await passing(world, store.synced())
    expect(errors, `part ${place}`).toMatchObject([{ code: 'storage-damaged' }])
    expect(store.status).toMatchObject({ pending: 0, storage: 'damaged', link: 'online' })
    const other = await world.open({ storage: memoryStorage(), transport: world.wire() })
    await world.clock.pass(1_000)
    for (const one of [store, other]) expect([one.get(votes), one.get(rows).length]).toEqual([61, 60])
    expect(other.get(rows)).toEqual(store.get(rows))
    await world.close()
    damages += 1
  }
  expect(damages).toBeGreaterThan(5)
})

test('[CP14] [DM1] of two damaged parts of them all is shown until they wake: then it is told, and all others are there and are sent', async () => {
  let damages = 0
  for (let place = 0; ; place++) {
    const world = await createWorld(6)
    const { disk, storage } = await muchAsleep(world)
    const part = (await partsOf(disk)).filter(({ entry }) => whatIs(entry) === 'asleep')[place]
    if (part === undefined) {
      await world.close()
      break
    }
    const lost = part.entry.kind === 'rest' && part.entry.rest[0] === 'asleep' ? part.entry.rest[1][0] : 0
    const spare = (await partsOf(disk)).find(({ entry }) => whatIs(entry) === 'spare')
    const spoilt = flipped(storage, part.position, spare?.position)
    const alone = await world.open({ storage: spoilt })
    expect([alone.get(votes), alone.get(rows).length]).toEqual([60, 60])
    expect(alone.status).toMatchObject({ pending: 60, storage: 'ok' })
    await alone.close()

    const errors: { code?: string }[] = []
    const store = await world.open({
      storage: spoilt,
      transport: world.wire(),
      onError: (error) => errors.push(error as StoreError),
    })
    const waited = store.synced().catch((error: unknown) => error)
    store.transact((tx) => tx.add(votes, 1))
    await world.clock.pass(60_000)
    expect(await waited).toMatchObject({ code: 'storage-damaged' })
    expect(new Set(errors.map(({ code }) => code)), `part ${place}`).toEqual(new Set(['storage-damaged']))
    expect(store.status).toMatchObject({ pending: 0, storage: 'damaged', link: 'online' })
    expect([store.get(votes), store.get(rows).length], `part ${place}`).toEqual([61 - lost, 60 - lost])
    const other = await world.open({ storage: memoryStorage(), transport: world.wire() })
    await world.clock.pass(1_000)
    expect([other.get(votes), other.get(rows)]).toEqual([store.get(votes), store.get(rows)])
    // Nothing is damaged any more where all is acknowledged.
    for (let i = 0; i < 80; i++) {
      store.transact((tx) => tx.set(title, `title ${i}`.padEnd(8_000, '.')))
      await passing(world, store.synced())
    }
    await compacting(world)
    await store.close()
    const again = await world.open({ storage })
    expect([again.get(votes), again.get(rows).length, again.status.storage]).toEqual([61 - lost, 60 - lost, 'ok'])
    await world.close()
    damages += 1
  }
  expect(damages).toBeGreaterThan(4)
})

test('[CP14] where all that sleeps is damaged, no tab shows any of it once another one is online, whenever it was opened', async () => {
  const world = await createWorld(7)
  const { storage } = await muchAsleep(world)
  const damaged = withLog(storage, (log) => ({
    read: (after, each, ...how) =>
      log.read(
        after,
        (bytes, ...more) => {
          if (whatIs(decodeEntry(bytes)) === 'asleep') bytes[bytes.length >> 1]! ^= 1
          return each(bytes, ...more)
        },
        ...how,
      ),
  }))
  const errors: unknown[] = []
  const open = (isLinked: boolean): Promise<Store> =>
    world.open({
      storage: damaged,
      ...(isLinked && { transport: world.wire() }),
      onError: (error) => errors.push(error),
    })
  const before = await open(false)
  const waited = before.synced().catch((error: unknown) => error)
  expect([before.get(votes), before.status.pending]).toEqual([60, 60])
  const linked = await open(true)
  await world.clock.pass(1_000)
  expect(linked.status.link).toBe('online')
  const after = await open(false)
  await world.clock.pass(1_000)
  for (const store of [before, linked, after]) expect([store.get(votes), store.status.pending]).toEqual([0, 0])
  expect(await waited).toMatchObject({ code: 'storage-damaged' })
  expect(errors.every((error) => error instanceof StoreError && error.code === 'storage-damaged')).toBe(true)
  before.transact((tx) => tx.add(votes, 1))
  await passing(world, before.synced())
  await world.clock.pass(1_000)
  for (const store of [before, linked, after]) expect(store.get(votes)).toBe(1)
  await world.close()
})

test.each(['a part', 'two parts'])(
  '[CP14] [CP16] a compaction that finds %s of them damaged tells it, and loses nothing that is shown',
  async (which) => {
    const world = await createWorld(7)
    const { disk, storage } = await muchAsleep(world)
    const part = (await partsOf(disk)).find(({ entry }) => whatIs(entry) === 'asleep')!
    const spare = (await partsOf(disk)).find(({ entry }) => whatIs(entry) === 'spare')!
    const isMadeAgain = which === 'a part'
    const lost =
      !isMadeAgain && part.entry.kind === 'rest' && part.entry.rest[0] === 'asleep' ? part.entry.rest[1][0] : 0
    let isDamaged = true
    const errors: unknown[] = []
    const store = await world.open({
      onError: (error) => errors.push(error),
      storage: withLog(storage, (log) => ({
        read: (after, each, ...how) =>
          log.read(
            after,
            (bytes, position, claim) => {
              if (isDamaged && (position === part.position || (!isMadeAgain && position === spare.position)))
                bytes[bytes.length >> 1]! ^= 1
              return each(bytes, position, claim)
            },
            ...how,
          ),
      })),
    })
    for (let i = 0; i < 100; i++) {
      store.transact((tx) => tx.set(title, `title ${i}`.padEnd(8_000, '.')))
      await store.durable()
    }
    await compacting(world)
    isDamaged = false
    expect(errors).toMatchObject([{ code: 'storage-damaged' }])
    expect([store.get(votes), store.get(rows).length, store.status.pending]).toEqual([60, 60, 160])
    await store.close()
    const again = await world.open({ storage })
    expect([again.get(votes), again.get(rows).length, again.status.pending]).toEqual([60, 60, 160])
    await again.close()
    const linked = await world.open({ storage, transport: world.wire(), onError: () => undefined })
    await world.clock.pass(60_000)
    expect([linked.get(votes), linked.get(rows).length, linked.status.pending]).toEqual([60 - lost, 60 - lost, 0])
    await linked.close()
    await world.close()
  },
)

test('[CP14] while the log cannot be read nothing is sent, and afterwards all is; where it is gone it is said, and what is shown stays', async () => {
  const world = await createWorld(8)
  const { storage } = await countedDisk(world, write)
  let error: StoreError | undefined
  const failing = withLog(storage, (log): Partial<Log> => ({
    async read(after, ...how) {
      if (error !== undefined) throw error
      return log.read(after, ...how)
    },
  }))
  const errors: unknown[] = []
  const options = { storage: failing, onError: (one: unknown) => errors.push(one) }
  const store = await world.open({ ...options, transport: world.wire() })
  error = new StoreError('storage-lost', 'No connection.')
  await world.clock.pass(10_000)
  expect(store.status).toMatchObject({ pending: 60, storage: 'lost' })
  error = undefined
  await passing(world, store.synced())
  expect(store.status).toMatchObject({ pending: 0, storage: 'ok' })
  expect(errors.map((one) => (one as StoreError).code)).toEqual(errors.map(() => 'storage-lost'))
  expect(errors).not.toEqual([])
  await store.close()
  await world.close()

  const second = await createWorld(9)
  const gone = await countedDisk(second, write)
  let isGone = false
  const told: unknown[] = []
  const left = await second.open({
    transport: second.wire(),
    onError: (one) => told.push(one),
    storage: withLog(gone.storage, (log): Partial<Log> => ({
      read: async (after, ...how) => (isGone ? 0 : log.read(after, ...how)),
    })),
  })
  isGone = true
  await second.clock.pass(10_000)
  expect(left.status).toMatchObject({ pending: 60, problem: { code: 'storage-evicted' } })
  expect(told).toMatchObject([{ code: 'storage-evicted' }])
  expect(picture(left)).toEqual(gone.shown)
  await left.close()
  await second.close()
})

test('[CP12] a checkpoint that does not say which are asleep is opened as ever', async () => {
  const world = await createWorld(10)
  const { disk, shown } = await countedDisk(world, write)
  const parts = (await partsOf(disk)).filter(
    ({ entry }) => entry.kind === 'rest' || entry.kind === 'cells' || entry.kind === 'rows',
  )
  const older = memoryStorage()
  const log = await older.openLog('board')
  await log.append(parts[0]!.bytes)
  const entries = parts.slice(1).map(({ entry }) => {
    const part = entry as CheckpointEntry
    return encodeEntry({ ...part, part: part.part - 1 })
  })
  await log.replace(1, entries, 0)
  await log.close()
  const store = await world.open({ storage: older })
  expect(picture(store)).toEqual(shown)
  expect(store.status).toMatchObject({ pending: 60, storage: 'ok' })
  await passing(world, store.undoAsync())
  for (let i = 0; i < 60; i++) store.undo()
  expect(store.get(votes)).toBe(0)
  for (let i = 0; i < 60; i++) store.redo()
  expect(store.get(votes)).toBe(60)
  await store.durable()
  await store.close()
  const again = await world.open({ storage: older, transport: world.wire() })
  await passing(world, again.synced())
  expect([again.get(votes), again.status.pending]).toEqual([60, 0])
  await world.close()
})

/** A storage that works for so many calls; then its tab is dead. */
function ending(tab: ReturnType<typeof mortalTab>, calls: { left: number }): Storage {
  const never = new Promise<never>(() => undefined)
  async function call<T>(act: () => Promise<T>): Promise<T> {
    if (calls.left <= 0) return never
    calls.left -= 1
    if (calls.left > 0) return act()
    tab.die()
    return never
  }
  return withLog(tab.storage, (log): Partial<Log> => ({
    read: (...how) => call(() => log.read(...how)),
    append: (...how) => call(() => log.append(...how)),
    replace: (...how) => call(() => log.replace(...how)),
    setAside: (...how) => call(() => log.setAside(...how)),
    takeFence: () => call(() => log.takeFence()),
  }))
}

test('[CP14] [CP9] at whichever call of the storage a tab ends while it wakes and compacts, each of them is there once', async () => {
  let ends = 0
  for (let left = 2; ; left++) {
    const world = await createWorld(11)
    const { disk, storage } = await countedDisk(world, write)
    const calls = { left }
    const tab = mortalTab(storage)
    const opened = world.open({ storage: ending(tab, calls), transport: world.wire() })
    let store: Store | undefined
    opened.then(
      (one) => (store = one),
      () => undefined,
    )
    await world.clock.pass(1_000)
    for (let i = 60; i < 80 && store !== undefined; i++) {
      write(store, i)
      await world.clock.pass(100)
    }
    for (let i = 0; i < 6; i++) await world.clock.pass(500)
    const isOver = calls.left > 0
    await settle()
    const other = await world.open({ storage: smallLogs(disk, 500), transport: world.wire() })
    await passing(world, other.synced())
    await world.clock.pass(2_000)
    const theirs = await world.open({ storage: memoryStorage(), transport: world.wire() })
    await world.clock.pass(1_000)
    expect(shared(theirs), `call ${left}`).toEqual(shared(other))
    expect(other.get(votes), `call ${left}`).toBeGreaterThanOrEqual(60)
    expect(other.get(title), `call ${left}`).toBe(`title ${other.get(votes) - 1}`)
    expect(other.status.pending).toBe(0)
    await other.close()
    await theirs.close()
    ends += 1
    if (isOver) break
  }
  expect(ends).toBeGreaterThan(30)
})
