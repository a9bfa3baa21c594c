import { counter, lww } from '@syncline/merge'
import { createFrameReader, decodeEntry, type Frame } from '@syncline/protocol'
import { expect, test } from 'vitest'
import { createKnownLog, OtherLogError } from '../src/known-log.ts'
import { memoryStorage, type Storage, type Store } from '../src/index.ts'
import { brittleStorage, createWorld, mortalTab, settle, type Wire } from './world.ts'

const title = lww('title', '')
const votes = counter('votes')
const others = counter('others')

/** What a client sends from now on. */
function sent(wire: Wire): Frame[] {
  const frames: Frame[] = []
  const readers = new Map<number, ReturnType<typeof createFrameReader>>()
  wire.onTraffic = (direction, message) => {
    if (direction === 'down') return
    const reader = readers.get(wire.connections) ?? createFrameReader({ maxPacketBytes: 1_000_000 })
    readers.set(wire.connections, reader)
    frames.push(...reader.push(message))
  }
  return frames
}

/** Votes so often, each a Change of its own that the relay has stored. */
async function vote(store: Store, times: number, ref = votes): Promise<void> {
  for (let i = 0; i < times; i++) await store.transact((tx) => tx.add(ref, 1)).synced()
}

/** The runs of the relay's order in a log, as epoch and first relaySeq. */
async function runsIn(storage: Storage): Promise<(readonly [epoch: string, first: number])[]> {
  const log = await storage.openLog('board')
  const runs: (readonly [string, number])[] = []
  await log.read(0, (bytes) => {
    const entry = decodeEntry(bytes)
    if (entry.kind === 'ordered' && entry.epoch !== runs.at(-1)?.[0]) runs.push([entry.epoch, entry.first])
  })
  await log.close()
  return runs
}

for (const grown of [0, 2, 3, 8]) {
  for (const kept of [0, 3]) {
    test(`[ST47] what a relay has lost is brought back by who has it, when it has ${kept} of 6 Changes left and others have written ${grown} since`, async () => {
      const world = await createWorld(1)
      const wire = world.wire()
      const storage = memoryStorage()
      const one = await world.open({ transport: wire, storage })
      const behind = world.wire()
      await world.clock.pass(100)
      await vote(one, 3)
      const backup = kept === 0 ? 0 : world.batches
      const two = await world.open({ transport: behind })
      await world.clock.pass(100)
      behind.cut()
      await vote(one, 3)
      wire.cut()
      await world.restoreRelay(backup)
      const newcomer = await world.open({ transport: world.wire() })
      await world.clock.pass(60_000)
      await vote(newcomer, grown, others)
      expect(newcomer.get(votes)).toBe(kept)

      one.transact((tx) => tx.set(title, 'mine'))
      wire.mend()
      behind.mend()
      await world.clock.pass(60_000)
      const fresh = await world.open({ transport: world.wire() })
      await world.clock.pass(60_000)
      const all = [one, two, newcomer, fresh]
      for (const store of all) {
        expect(store.status).toMatchObject({ link: 'online', pending: 0, refused: 0, problem: undefined })
        expect([store.get(votes), store.get(title), store.get(others)]).toEqual([6, 'mine', grown])
        expect(store.snapshot.basis).toEqual(one.snapshot.basis)
      }
      for (const store of all) await vote(store, 1)
      await one.close()
      const again = await world.open({ transport: wire, storage })
      await world.clock.pass(60_000)
      for (const store of [again, ...all.slice(1)]) {
        expect([store.get(votes), store.get(title), store.get(others)]).toEqual([10, 'mine', grown])
        expect(store.snapshot.basis).toEqual(again.snapshot.basis)
      }
      await world.close()
    })
  }
}

test('[ST25] a relay that restarts and loses nothing is not noticed, over reloads too', async () => {
  const world = await createWorld(2)
  const wire = world.wire()
  const storage = memoryStorage()
  const idle = await world.open({ transport: world.wire() })
  let store = await world.open({ transport: wire, storage })
  await world.clock.pass(100)
  const epochs: (string | null)[] = []
  for (let round = 1; round <= 4; round++) {
    await vote(store, 2)
    epochs.push(store.snapshot.basis.epoch)
    store.transact((tx) => tx.add(votes, 1))
    await world.restartRelay()
    if (round % 2 === 0) {
      await store.close()
      store = await world.open({ transport: wire, storage })
    }
    await world.clock.pass(60_000)
    for (const one of [store, idle]) {
      expect(one.status).toMatchObject({ link: 'online', problem: undefined, pending: 0, refused: 0 })
      expect(one.get(votes)).toBe(3 * round)
    }
  }
  expect(new Set(epochs).size).toBe(4)
  // Each run of the relay's order that is kept stands in one epoch, so a reload knows as much.
  expect((await runsIn(storage)).map(([, first]) => first)).toEqual([1, 3, 6, 9, 12])
  expect(store.snapshot.basis).toEqual(idle.snapshot.basis)
  await world.close()
})

test.each([
  { first: 'who was away', batches: 0 },
  { first: 'who was away', batches: 1 },
  { first: 'who has all', batches: 0 },
  { first: 'who has all', batches: 1 },
])(
  '[ST47] [RL76] who was away while a relay was restarted is in the same log as who was not: its loss is made good to both ($first comes first, $batches kept)',
  async ({ first, batches }) => {
    const world = await createWorld(5)
    const wires = [world.wire(), world.wire()]
    const [all, away] = await Promise.all(wires.map((transport) => world.open({ transport })))
    await vote(all!, 1)
    await world.clock.pass(100)
    wires[1]!.cut()
    await world.restartRelay()
    await world.clock.pass(60_000)
    await vote(all!, 1)
    away!.transact((tx) => tx.add(votes, 1))
    wires[0]!.cut()
    await world.restoreRelay(batches)
    const order = first === 'who has all' ? [0, 1] : [1, 0]
    for (const i of order) {
      wires[i]!.mend()
      await world.clock.pass(100_000)
    }
    for (const store of [all!, away!]) {
      expect(store.status).toMatchObject({ link: 'online', problem: undefined, pending: 0 })
      expect(store.get(votes)).toBe(3)
    }
    await world.close()
  },
)

/**
 * A tab that runs the link and has heard of the relay what this device has not: it was frozen before it could write that down. The other one takes over,
 * from a relay that has been restored since.
 */
async function twoHistories(grown: number): Promise<{
  readonly world: Awaited<ReturnType<typeof createWorld>>
  readonly stray: Store
  readonly other: Store
  readonly storage: Storage
  readonly wires: readonly Wire[]
}> {
  const world = await createWorld(3)
  const storage = memoryStorage()
  let isFull = false
  const tab = mortalTab(storage)
  const wires = [world.wire(), world.wire()]
  const stray = await world.open({
    storage: brittleStorage(tab.storage, () => (isFull ? new Error('not now') : undefined)),
    transport: wires[0],
  })
  const writer = await world.open({ transport: world.wire() })
  await world.clock.pass(1_000)
  await vote(writer, 2)
  await world.clock.pass(1_000)
  const backup = world.batches
  isFull = true
  await vote(writer, 2)
  await world.clock.pass(100)
  expect(stray.get(votes)).toBe(4)
  await writer.close()
  for (const wire of wires) wire.cut()
  await world.restoreRelay(backup)
  const fresh = await world.open({ transport: world.wire() })
  await world.clock.pass(1_000)
  await vote(fresh, grown, others)
  const other = await world.open({ storage, transport: wires[1]! })
  expect(other.get(votes)).toBe(2)
  tab.freeze()
  await settle()
  isFull = false
  return { world, stray, other, storage, wires }
}

for (const grown of [0, 1, 2, 5]) {
  test(`[ST47] what only the memory of a tab has is brought back too, when ${grown} Changes were written since`, async () => {
    const { world, stray, other, storage, wires } = await twoHistories(grown)
    await other.close()
    const frames = sent(wires[0]!)
    stray.transact((tx) => tx.set(title, 'mine'))
    wires[0]!.mend()
    await world.clock.pass(60_000)
    expect(frames.filter(({ type }) => type === 'changes').length).toBeGreaterThan(0)
    const fresh = await world.open({ transport: world.wire() })
    const again = await world.open({ storage })
    await world.clock.pass(60_000)
    for (const store of [stray, fresh, again]) {
      expect(store.status).toMatchObject({ link: 'online', pending: 0, problem: undefined })
      expect([store.get(votes), store.get(title), store.get(others)]).toEqual([4, 'mine', grown])
      expect(store.snapshot.basis).toEqual(stray.snapshot.basis)
    }
    await world.close()
  })
}

test('[ST36] a tab that has seen the order otherwise than this device has it leaves the link to the others, and what it did is not lost', async () => {
  const { world, stray, other, storage, wires } = await twoHistories(4)
  wires[1]!.mend()
  await world.clock.pass(60_000)
  expect(other.status).toMatchObject({ link: 'online', pending: 0 })
  expect([other.get(votes), other.get(others)]).toEqual([2, 4])
  expect(stray.status).toMatchObject({ link: 'waiting', problem: { code: 'epoch-changed' } })
  expect([stray.get(votes), stray.get(others)]).toEqual([4, 0])
  // It depends on what the relay has not.
  const receipt = stray.transact((tx) => tx.set(title, 'mine'))
  expect(receipt.change!.deps.relaySeq).toBe(4)
  await receipt.durable()
  await world.clock.pass(60_000)
  expect([other.get(title), other.status.pending, other.status.refused]).toEqual(['mine', 1, 0])
  await stray.close()
  await world.clock.pass(60_000)
  expect(other.status).toMatchObject({ link: 'online', pending: 0, refused: 0 })
  const again = await world.open({ storage, transport: wires[0]! })
  const fresh = await world.open({ transport: world.wire() })
  await world.clock.pass(60_000)
  for (const store of [again, other, fresh]) {
    expect(store.status).toMatchObject({ link: 'online', pending: 0, problem: undefined })
    expect([store.get(votes), store.get(others), store.get(title)]).toEqual([2, 4, 'mine'])
  }
  expect(new Set((await runsIn(storage)).map(([epoch]) => epoch)).size).toBe(2)
  await world.close()
})

const [a, b, c] = ['a', 'b', 'c'].map((digit) => digit.repeat(32)) as [string, string, string]

test('[ST36] a part of a log fits where it stands in the epoch that is known there, and nowhere else', () => {
  const fits = (log: ReturnType<typeof createKnownLog>, epoch: string, first: number, last: number): unknown => {
    try {
      log.check(epoch, first, last, 10)
      return true
    } catch (error) {
      if (error instanceof OtherLogError) return error.relaySeq
      throw error
    }
  }
  const known = (): ReturnType<typeof createKnownLog> => {
    const log = createKnownLog()
    for (let relaySeq = 1; relaySeq <= 10; relaySeq++) log.add(relaySeq <= 5 ? a : b, relaySeq)
    return log
  }
  // What is here, what joins on, and what lies over both.
  for (const [epoch, first, last] of [
    [a, 1, 5],
    [b, 6, 10],
    [b, 8, 20],
    [b, 11, 12],
    [c, 11, 12],
  ] as const) {
    expect(fits(known(), epoch, first, last)).toBe(true)
  }
  for (const [epoch, first, last, at] of [
    [a, 4, 6, 6],
    [a, 6, 6, 6],
    [b, 5, 6, 5],
    [c, 10, 10, 10],
    [c, 8, 20, 8],
    [a, 11, 12, 11],
  ] as const) {
    expect(fits(known(), epoch, first, last)).toBe(at)
  }
  // What was strange once stays so.
  const log = known()
  expect([fits(log, c, 10, 10), fits(log, c, 11, 12)]).toEqual([10, 11])
  expect([0, 1, 5, 6, 10].map((relaySeq) => known().epochAt(relaySeq))).toEqual([null, a, a, b, b])
})

test('[ST28] of what a Change had seen, that is said again which is in this log', () => {
  const log = createKnownLog()
  for (let relaySeq = 1; relaySeq <= 10; relaySeq++) log.add(relaySeq <= 5 ? a : b, relaySeq)
  const shared = (epoch: string, relaySeq: number): unknown => log.shared({ epoch, relaySeq, writers: new Map() })
  expect(shared(a, 4)).toEqual({ epoch: a, relaySeq: 4 })
  expect(shared(a, 8)).toEqual({ epoch: a, relaySeq: 5 })
  // It may go on in an epoch that is not over.
  expect(shared(b, 12)).toEqual({ epoch: b, relaySeq: 12 })
  expect(shared(c, 8)).toEqual({ epoch: null, relaySeq: 0 })
})
