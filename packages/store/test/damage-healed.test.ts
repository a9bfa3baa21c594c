import { counter } from '@syncline/merge'
import { decodeEntry, type LogEntry, type RefusalCode } from '@syncline/protocol'
import { expect, test } from 'vitest'
import { memoryStorage, openStore, type Storage, type Store } from '../src/index.ts'
import { createWorld, passing, settle, type Wire, type World } from './world.ts'

const votes = counter('votes')

/** Each adds a digit of its own, so that the sum says which are there, and how often. */
const add = (store: Store, place: number) => store.transact((tx) => tx.add(votes, 10 ** place))

interface Device {
  readonly world: World
  readonly wire: Wire
  readonly storage: Storage
  readonly other: Store
}

/** A device on which two sessions have worked, online and then offline, beside another one: what is digits 0 to 4 the relay has, 5 to 9 not. */
async function worked(): Promise<Device> {
  const world = await createWorld(4)
  const [storage, wire] = [memoryStorage(), world.wire()]
  const other = await world.open({ transport: world.wire() })
  const first = await openStore({ space: 'board', storage, transport: wire, clock: world.clock, chance: world.chance })
  await world.clock.pass(100)
  for (const place of [0, 1]) await passing(world, add(first, place).synced())
  await passing(world, add(other, 2).synced())
  for (const place of [3, 4]) await passing(world, add(first, place).synced())
  await world.clock.pass(100)
  wire.cut()
  for (const place of [5, 6, 7]) await passing(world, add(first, place).durable())
  await passing(world, first.close())
  const second = await openStore({ space: 'board', storage, transport: wire, clock: world.clock, chance: world.chance })
  for (const place of [8, 9]) await passing(world, add(second, place).durable())
  await passing(world, second.close())
  return { world, wire, storage, other }
}

async function entriesOf(
  storage: Storage,
): Promise<readonly { readonly position: number; readonly entry: LogEntry }[]> {
  const entries: { position: number; entry: LogEntry }[] = []
  await (
    await storage.openLog('board')
  ).read(0, (bytes, position) => entries.push({ position, entry: decodeEntry(bytes) }))
  return entries
}

/** What is lost with an entry: the digits of the Changes in it that only this device had. */
async function lostWith({ storage }: Device, position: number): Promise<number> {
  const entries = await entriesOf(storage)
  const commits = entries.filter(({ entry }) => entry.kind === 'run')
  const place = commits.findIndex((one) => one.position === position)
  // The first four are digits 0, 1, 3 and 4.
  return place < 4 ? 0 : 10 ** (place + 1)
}

const ALL = 1_111_111_111

test('[DM3] [DM4] each entry in turn is lost: the relay heals what it has, the rest is sent again, and nothing else is lost or doubled', async () => {
  const count = (await entriesOf((await worked()).storage)).length
  const sums: number[] = []
  for (let position = 1; position <= count; position++) {
    const device = await worked()
    const { world, wire, storage, other } = device
    const lost = await lostWith(device, position)
    await (await storage.openLog('board')).setAside(position, 'a test')
    const errors: unknown[] = []
    const onError = (error: unknown): void => void errors.push(error)
    wire.mend()
    const options = { space: 'board', storage, transport: wire, clock: world.clock, chance: world.chance, onError }
    const [one, two] = [await openStore(options), await openStore(options)]
    await world.clock.pass(20_000)
    for (const store of [one, two, other]) {
      expect([position, store.get(votes), store.status.pending]).toEqual([position, ALL - lost, 0])
      expect(store.status).toMatchObject({ link: 'online', refused: 0 })
    }
    // What comes after the last that is missing tells that it is.
    expect(errors.length).toBe(lost > 0 && lost < 10 ** 9 ? 1 : 0)
    await passing(world, add(two, 0).synced())
    await world.clock.pass(100)
    expect(other.get(votes)).toBe(ALL - lost + 1)
    await passing(world, one.close())
    await passing(world, two.close())
    const again = await openStore({ ...options, transport: world.wire() })
    await world.clock.pass(1000)
    expect([again.get(votes), again.status.pending]).toEqual([ALL - lost + 1, 0])
    await passing(world, again.close())
    await passing(world, world.close())
    expect(world.clock.timers).toBe(0)
    sums.push(ALL - lost)
  }
  expect(new Set(sums).size).toBe(6)
})

/** A device on which one Change was refused for what is mended, and has become another one, and one for good, which somebody has dropped. */
async function refusedOnce(): Promise<Device> {
  // The second is what the first has become.
  const codes: (RefusalCode | undefined)[] = ['missing-dependency', undefined, 'forbidden']
  const world = await createWorld(13, {
    refuse(header) {
      const code = header.touched.some(({ address }) => address === 'votes') ? codes.shift() : undefined
      return code === undefined ? undefined : { code, message: 'A test.' }
    },
  })
  const [storage, wire] = [memoryStorage(), world.wire()]
  const other = await world.open({ transport: world.wire() })
  const first = await world.open({ storage, transport: wire })
  await passing(world, add(first, 0).synced())
  await expect(passing(world, add(first, 1).synced())).rejects.toMatchObject({ refusal: 'forbidden' })
  for (const { id } of first.refused.list()) first.refused.drop(id)
  await passing(world, add(first, 2).synced())
  await passing(world, first.close())
  return { world, wire, storage, other }
}

test('[DM5] what was authored again or dropped is so, whichever entry is lost, and nothing is doubled', async () => {
  const kinds = (await entriesOf((await refusedOnce()).storage)).map(({ entry }) => entry.kind)
  expect(kinds.filter((kind) => kind === 'ended')).toHaveLength(4)
  expect(kinds.filter((kind) => kind === 'dropped')).toHaveLength(2)
  for (let position = 1; position <= kinds.length; position++) {
    const { world, wire, storage, other } = await refusedOnce()
    await (await storage.openLog('board')).setAside(position, 'a test')
    const store = await world.open({ storage, transport: wire })
    await world.clock.pass(20_000)
    for (const one of [store, other]) expect([position, one.get(votes), one.status.pending]).toEqual([position, 101, 0])
    expect([position, store.refused.list()]).toEqual([position, []])
    await passing(world, world.close())
  }
})

test('[DM3] without the relay all that can be read is shown, and waits', async () => {
  const { world, storage, wire } = await worked()
  const commits = (await entriesOf(storage)).filter(({ entry }) => entry.kind === 'run')
  await (await storage.openLog('board')).setAside(commits[5]!.position, 'a test')
  const store = await openStore({ space: 'board', storage, transport: wire, clock: world.clock, chance: world.chance })
  await world.clock.pass(60_000)
  expect([store.get(votes), store.status.pending]).toEqual([ALL - 10 ** 6, 4])
  await passing(world, store.close())
  await passing(world, world.close())
})

test('[DM4] a Change that is damaged here, and that its living tab still has, is not lost', async () => {
  const world = await createWorld(9)
  const [storage, wire] = [memoryStorage(), world.wire()]
  wire.cut()
  const options = { storage, transport: wire, clock: world.clock, chance: world.chance }
  const author = await world.open(options)
  for (const place of [0, 1, 2]) await passing(world, add(author, place).durable())
  const entries = await entriesOf(storage)
  expect(entries).toHaveLength(3)
  await (await storage.openLog('board')).setAside(entries[1]!.position, 'a test')
  const reader = await world.open(options)
  expect([author.get(votes), reader.get(votes)]).toEqual([111, 101])
  wire.mend()
  await world.clock.pass(60_000)
  expect([author.get(votes), reader.get(votes)]).toEqual([111, 111])
  expect([author.status.pending, reader.status.pending]).toEqual([0, 0])
  await passing(world, world.close())
})

test('[DM3] a tab that finds a gap is helped by the one that runs the link, and had read on before', async () => {
  const world = await createWorld(11)
  const [storage, wire] = [memoryStorage(), world.wire()]
  const options = { storage, transport: wire, clock: world.clock, chance: world.chance }
  const other = await world.open({ transport: world.wire() })
  const elected = await world.open(options)
  await world.clock.pass(100)
  for (const place of [0, 1, 2, 3]) {
    await passing(world, add(other, place).synced())
    await world.clock.pass(100)
  }
  const ordered = (await entriesOf(storage)).filter(({ entry }) => entry.kind === 'ordered')
  expect(ordered.length).toBe(4)
  await (await storage.openLog('board')).setAside(ordered[1]!.position, 'a test')
  const late = await world.open(options)
  expect(late.get(votes)).toBe(1)
  await world.clock.pass(6000)
  expect([late.get(votes), elected.get(votes)]).toEqual([1111, 1111])
  // The log is whole again, for whoever comes next.
  wire.cut()
  const next = await world.open(options)
  expect(next.get(votes)).toBe(1111)
  await passing(world, world.close())
  await settle()
  expect(world.clock.timers).toBe(0)
})

test('[DM4] what others have written on top of a lost Change goes on without it', async () => {
  const world = await createWorld(12)
  const [storage, wire] = [memoryStorage(), world.wire()]
  wire.cut()
  const errors: unknown[] = []
  const options = { storage, transport: wire, onError: (error: unknown) => void errors.push(error) }
  for (const place of [0, 1, 2]) {
    const session = await world.open(options)
    await passing(world, add(session, place).durable())
    await passing(world, session.close())
  }
  const entries = await entriesOf(storage)
  const [first] = entries.map(({ entry }) => (entry.kind === 'run' ? entry.changes[0]!.change : undefined))
  expect(first!.seq).toBe(1)
  await (await storage.openLog('board')).setAside(entries[0]!.position, 'a test')
  wire.mend()
  const store = await world.open(options)
  const other = await world.open({ transport: world.wire() })
  await world.clock.pass(20_000)
  expect([store.get(votes), other.get(votes), store.status.pending, store.status.refused]).toEqual([110, 110, 0, 0])
  expect(errors).toMatchObject([{ code: 'storage-damaged', message: expect.stringContaining('is lost') }])
  await passing(world, world.close())
})
