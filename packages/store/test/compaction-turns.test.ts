import { lww } from '@syncline/merge'
import { expect, test } from 'vitest'
import { memoryStorage, StoreError, type Storage, type Store } from '../src/index.ts'
import { heldStorage } from './held-storage.ts'
import { lookInto, smallLogs } from './small-logs.ts'
import { withLog } from './with-log.ts'
import { createWorld, passing, settle, type World } from './world.ts'

const title = lww('title', '')
const draft = lww('draft', '', { arbiter: 'browser' })

/** A storage as one tab has it: when its log was compacted, how often it was read from the beginning, and a hand on what is put into it. */
interface Watched {
  readonly storage: Storage
  readonly replacedMs: number[]
  readonly readings: () => number
  /** From now on nothing is replaced before `letGo` is called; then it is, or fails with what is given. */
  hold(): void
  letGo(error?: Error): void
}

function watched(disk: Storage, world: World): Watched {
  const replacedMs: number[] = []
  let readings = 0
  let held: Promise<Error | undefined> | undefined
  let letGo: (error?: Error) => void = () => undefined
  return {
    storage: withLog(smallLogs(disk, 1_000), (log) => ({
      async read(after, ...how) {
        if (after === 0) readings += 1
        return log.read(after, ...how)
      },
      async replace(...how) {
        replacedMs.push(world.clock.nowMs())
        const error = await held
        if (error !== undefined) throw error
        await log.replace(...how)
      },
    })),
    replacedMs,
    readings: () => readings,
    hold() {
      held = new Promise((resolve) => (letGo = resolve))
    },
    letGo(error) {
      held = undefined
      letGo(error)
    },
  }
}

/** Writes what is worth a compaction. */
async function writeMuch(world: World, store: Store): Promise<void> {
  for (let i = 0; i < 30; i++) {
    store.transact((tx) => tx.set(title, `title ${i}`.padEnd(100, '.')), { undo: false })
    await store.durable()
  }
  await passing(world, store.synced())
}

test('[CP11] a tab waits while another one compacts, and what that has done is not looked for again', async () => {
  const world = await createWorld(1)
  const disk = memoryStorage()
  const wire = world.wire()
  const [one, two] = [watched(disk, world), watched(disk, world)]
  const [first, second] = [
    await world.open({ storage: one.storage, transport: wire }),
    await world.open({ storage: two.storage, transport: wire }),
  ]
  one.hold()
  two.hold()
  await writeMuch(world, first)
  await world.clock.pass(1_000)
  // Both have something to do, and one of them does it, however long that takes.
  await world.clock.pass(20_000)
  expect(one.replacedMs.length + two.replacedMs.length).toBe(1)
  const [busy, idle] = one.replacedMs.length === 1 ? [one, two] : [two, one]
  const readings = idle.readings()
  busy.letGo()
  idle.letGo()
  await world.clock.pass(0)
  expect((await lookInto(disk)).kinds[0]).toBe('cells')
  await world.clock.pass(60_000)
  expect([idle.replacedMs.length, idle.readings()]).toEqual([0, readings])

  // Whoever has waited is there for the next one.
  const [left, leaving] = busy === one ? [second, first] : [first, second]
  await leaving.close()
  await world.clock.pass(1_000)
  await writeMuch(world, left)
  const writtenMs = world.clock.nowMs()
  await world.clock.pass(1_000)
  expect(idle.replacedMs[0]! - writtenMs).toBeLessThanOrEqual(300)
  await world.close()
})

test('[CP11] what another tab could not do is done as soon as that lets go', async () => {
  const world = await createWorld(2)
  const disk = memoryStorage()
  const wire = world.wire()
  const both = [watched(disk, world), watched(disk, world)]
  const stores: Store[] = []
  for (const { storage } of both) stores.push(await world.open({ storage, transport: wire }))
  for (const one of both) one.hold()
  await writeMuch(world, stores[0]!)
  await world.clock.pass(20_000)
  const busy = both.find(({ replacedMs }) => replacedMs.length === 1)!
  const idle = both.find((one) => one !== busy)!
  expect(idle.replacedMs).toEqual([])
  idle.letGo()
  busy.letGo(new StoreError('storage-full', 'No room.'))
  await world.clock.pass(0)
  expect(idle.replacedMs).toEqual([world.clock.nowMs()])
  // Who has failed hears of it, and lets it be.
  await world.clock.pass(60_000)
  expect(busy.replacedMs.length).toBe(1)
  await world.close()
})

test('[CP11] a tab that closes while it waits for its turn leaves no wait behind', async () => {
  const world = await createWorld(3)
  const disk = memoryStorage()
  const wire = world.wire()
  const both = [watched(disk, world), watched(disk, world)]
  const stores: Store[] = []
  for (const { storage } of both) stores.push(await world.open({ storage, transport: wire }))
  for (const one of both) one.hold()
  await writeMuch(world, stores[0]!)
  await world.clock.pass(1_000)
  const idle = both.findIndex(({ replacedMs }) => replacedMs.length === 0)
  await stores[idle]!.close()
  for (const one of both) one.letGo()
  await world.clock.pass(0)
  expect(await disk.locks!.tryHold('compact board')).toBeDefined()
  await world.close()
})

test('[CP11] who has stopped writing waits for what is on its way into the log, and no longer', async () => {
  const world = await createWorld(4)
  const disk = memoryStorage()
  const held = heldStorage(disk)
  const seen = watched(held.storage, world)
  const wire = world.wire()
  const store = await world.open({ storage: seen.storage, transport: wire })
  store.disconnect()
  for (let i = 0; i < 30; i++) {
    store.transact((tx) => tx.set(title, `title ${i}`.padEnd(100, '.')), { undo: false })
    await store.durable()
  }
  await world.clock.pass(5_000)
  const before = seen.replacedMs.length
  held.hold()
  store.connect()
  // The relay has all of it, which the log hears later.
  await passing(world, store.synced())
  await world.clock.pass(20_000)
  expect(seen.replacedMs.length).toBe(before)
  const letMs = world.clock.nowMs()
  held.letAll()
  await world.clock.pass(1_000)
  expect(seen.replacedMs.length).toBe(before + 1)
  expect(seen.replacedMs.at(-1)! - letMs).toBeLessThanOrEqual(300)
  expect((await lookInto(disk)).kinds).toEqual(['cells', 'rest', 'rest'])
  await world.close()
})

test('[CP11] as long as Changes come one after the other, and are counted, no turn is taken and nothing is looked through', async () => {
  const world = await createWorld(6)
  const disk = memoryStorage()
  const turns: string[] = []
  const locks = {
    ...disk.locks!,
    hold(name: string, signal: AbortSignal) {
      turns.push(name)
      return disk.locks!.hold(name, signal)
    },
  }
  const held = heldStorage(disk)
  const seen = watched({ ...held.storage, locks }, world)
  const store = await world.open({ storage: seen.storage })
  const readings = seen.readings()
  const add = (i: number): void =>
    void store.transact((tx) => tx.set(title, `title ${i}`.padEnd(100, '.')), { undo: false })
  held.hold()
  add(0)
  await settle()
  for (let i = 1; i < 300; i++) {
    // There is ever one that is on its way.
    add(i)
    await held.letOne()
    await world.clock.pass(1)
  }
  expect([turns, seen.readings()]).toEqual([[], readings])
  held.letAll()
  await world.clock.pass(1_000)
  expect(turns).toEqual(['compact board'])
  expect(seen.replacedMs).toHaveLength(1)
  await world.close()
})

test('[CP9] a storage that fails is left alone for twice as long each time, whatever is written meanwhile', async () => {
  const world = await createWorld(5)
  const seen = watched(memoryStorage(), world)
  const store = await world.open({ storage: seen.storage, transport: world.wire() })
  await writeMuch(world, store)
  seen.hold()
  for (let i = 0; i < 15 * 20; i++) {
    store.transact((tx) => tx.set(title, `once more ${i}`), { undo: false })
    seen.letGo(new StoreError('storage-full', 'No room.'))
    seen.hold()
    await world.clock.pass(50)
  }
  const waits = seen.replacedMs.slice(1).map((ms, i) => ms - seen.replacedMs[i]!)
  expect(waits.length).toBeGreaterThanOrEqual(3)
  waits.forEach((ms, i) => expect(ms).toBeGreaterThanOrEqual(1_000 * 2 ** i))
  seen.letGo()
  await world.clock.pass(60_000)
  await world.close()
})

test('[CP13] a tab that would keep each operation as it came lets one be first that need not', async () => {
  const world = await createWorld(7)
  const disk = memoryStorage()
  // The one that knows nothing is there first.
  const [blind, seeing] = [watched(disk, world), watched(disk, world)]
  const [reader, writer] = [await world.open({ storage: blind.storage }), await world.open({ storage: seeing.storage })]
  const scribble = async (from: number): Promise<void> => {
    for (let i = from; i < from + 150; i++) {
      const made = (): Promise<unknown> =>
        writer.transactAsync((tx) => tx.set(draft, `draft ${i}`.padEnd(100, '.')), { arbiter: 'browser', undo: false })
      await passing(world, made())
    }
  }
  await scribble(0)
  await world.clock.pass(4_000)
  expect([blind.replacedMs.length, seeing.replacedMs.length > 0]).toEqual([0, true])
  expect((await lookInto(disk)).bytes).toBeLessThan(2_000)
  // Where no other does it, it does so itself.
  await scribble(150)
  const wroteMs = world.clock.nowMs()
  await writer.close()
  await world.clock.pass(20_000)
  expect(blind.replacedMs).toHaveLength(1)
  expect(blind.replacedMs[0]! - wroteMs).toBeGreaterThanOrEqual(4_000)
  expect(reader.get(draft).slice(0, 9)).toBe('draft 299')
  await world.close()
})
