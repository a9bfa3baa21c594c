import { counter, lww } from '@syncline/merge'
import { expect, test } from 'vitest'
import { memoryStorage, StoreError, type Storage, type Store } from '../src/index.ts'
import { heldStorage } from './held-storage.ts'
import { lookInto, smallLogs } from './small-logs.ts'
import { withLog } from './with-log.ts'
import { brittleStorage, createWorld, passing, settle, type World } from './world.ts'

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

test.each(['while the last is under way', 'as soon as the last is stored'])(
  '[CP15] where Changes are counted and each comes %s, the log stays a few times what need be kept',
  async (when) => {
    const world = await createWorld(6)
    const disk = memoryStorage()
    const held = heldStorage(disk)
    const seen = watched(held.storage, world)
    const store = await world.open({ storage: seen.storage })
    const add = async (i: number): Promise<void> =>
      store.transact((tx) => tx.set(title, `title ${i}`.padEnd(100, '.')), { undo: false }).durable()
    held.hold()
    let last = add(0)
    await settle()
    let most = 0
    const commits = 200
    for (let i = 1; i < commits; i++) {
      // There is ever one that is on its way, or is committed by whoever has waited for the last.
      const next = when.startsWith('while') ? add(i) : last.then(() => add(i))
      await held.letOne()
      expect(store.status.unsaved).toBeGreaterThan(0)
      last = next
      await world.clock.pass(1)
      if (i % 20 === 0) most = Math.max(most, (await lookInto(disk)).bytes)
    }
    expect(seen.replacedMs.length).toBeGreaterThan(0)
    const { bytes } = await lookInto(disk)
    held.letAll()
    await last
    await world.clock.pass(1_000)
    const { bytes: kept } = await lookInto(disk)
    expect(Math.max(most, bytes)).toBeLessThan(3 * kept)
    await world.close()
    const again = await world.open({ storage: disk })
    expect([again.get(title).trimEnd(), again.status.pending]).toEqual([
      `title ${commits - 1}`.padEnd(100, '.'),
      commits,
    ])
    await again.close()
  },
)

test('[CP15] [CP12] whatever comes between a checkpoint and what it waits for, opened all is there once', async () => {
  const votes = counter('votes')
  const shared = lww('shared', 0, { arbiter: 'browser' })
  let replaced = 0
  for (let seed = 1; seed <= 40; seed++) {
    const world = await createWorld(seed)
    const disk = memoryStorage()
    let isFull = false
    let leave: (() => void) | undefined
    const slow = heldStorage(
      brittleStorage(disk, () => (isFull ? new StoreError('storage-full', 'No room.') : undefined)),
    )
    const seen = watched(slow.storage, world)
    const storage: Storage = { ...seen.storage, onLeaving: (listener) => ((leave = listener), () => undefined) }
    const store = await world.open({ storage })
    const other = await world.open({ storage: smallLogs(disk, 1_000) })
    slow.hold()
    let count = 0
    let sum = 0
    const add = (tab: Store): void => {
      tab
        .transact((tx) => tx.add(votes, 1), { undo: false })
        .durable()
        .catch(() => undefined)
      count += 1
    }
    for (let i = 0; i < 120; i++) {
      const choice = world.chance.fraction()
      add(store)
      if (choice < 0.05) add(other)
      else if (choice < 0.1) {
        store
          .transactAsync((tx) => tx.update(shared, (n) => n + 1), { arbiter: 'browser' })
          .then(
            () => (sum += 1),
            () => undefined,
          )
      } else if (choice < 0.13) leave?.()
      else if (choice < 0.16) isFull = true
      else if (choice < 0.25) isFull = false
      if (choice > 0.4) await slow.letOne()
      await world.clock.pass(choice > 0.9 ? 300 : 2)
    }
    isFull = false
    slow.letAll()
    await world.clock.pass(5_000)
    expect([store.get(votes), store.status.unsaved, other.get(votes), other.get(shared)], `seed ${seed}`).toEqual([
      count,
      0,
      count,
      sum,
    ])
    await world.close()
    const again = await world.open({ storage: disk })
    expect([again.get(votes), again.get(shared), again.status.pending], `seed ${seed}`).toEqual([count, sum, count])
    await again.close()
    replaced += seen.replacedMs.length
  }
  expect(replaced).toBeGreaterThan(10)
})

test('[CP1] what is committed while the log is looked through is known to be behind the checkpoint', async () => {
  const world = await createWorld(9)
  const disk = memoryStorage()
  let isOpen = false
  let looked = 0
  const add = async (i: number): Promise<void> =>
    store.transact((tx) => tx.set(title, `title ${i}`.padEnd(100, '.')), { undo: false }).durable()
  const storage = withLog(smallLogs(disk, 1_000), (log) => ({
    async read(after, each, ...how) {
      if (!isOpen || after !== 0 || looked++ > 0) return log.read(after, each, ...how)
      const found: (readonly [Uint8Array, number])[] = []
      const position = await log.read(after, (entry, at) => void found.push([entry, at]), ...how)
      // The rest is written when this was read.
      for (let i = 20; i < 120; i++) await add(i)
      for (const [entry, at] of found) await each(entry, at, undefined)
      return position
    },
  }))
  const store = await world.open({ storage })
  isOpen = true
  for (let i = 0; i < 20; i++) await add(i)
  await world.clock.pass(300)
  expect(looked).toBe(1)
  // Five times as much as is in the checkpoint is behind it, so another one is made.
  await world.clock.pass(1_000)
  expect(looked).toBe(2)
  expect((await lookInto(disk)).kinds).not.toContain('commits')
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
