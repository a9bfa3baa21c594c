import { counter, lww } from '@syncline/merge'
import { crc32c, createFrameReader, encodeChange, MAX_PACKET_BYTES, type Frame } from '@syncline/protocol'
import { expect, test } from 'vitest'
import { memoryStorage, type Status, type Store } from '../src/index.ts'
import { createWorld, settle, type Wire } from './world.ts'

const title = lww('title', '')
const votes = counter('votes')

/** What goes over a wire, as frames. */
function overhear(wire: Wire): { readonly up: Frame[]; readonly down: Frame[] } {
  const heard = { up: [] as Frame[], down: [] as Frame[] }
  const readers = {
    up: createFrameReader({ maxPacketBytes: MAX_PACKET_BYTES }),
    down: createFrameReader({ maxPacketBytes: MAX_PACKET_BYTES }),
  }
  wire.onTraffic = (direction, message) => void heard[direction].push(...readers[direction].push(message))
  return heard
}

function opened(frames: readonly Frame[]): number[] {
  return frames.flatMap((frame) => (frame.type === 'open' ? [frame.channel] : []))
}

/** The waits that a store announces, with its problem. */
function waits(store: Store, nowMs: () => number): { readonly code: string | undefined; readonly ms: number }[] {
  const all: { code: string | undefined; ms: number }[] = []
  let last: number | undefined
  store.onStatus(({ link, problem, retryAtMs }: Status) => {
    if (link === 'waiting' && retryAtMs !== undefined && retryAtMs !== last)
      all.push({ code: problem?.code, ms: retryAtMs - nowMs() })
    last = retryAtMs
  })
  return all
}

test('[ST31] a channel that failed is opened again on a new number, and the others of the connection go on', async () => {
  const world = await createWorld(41)
  const far = await world.open({ transport: world.wire() })
  await world.clock.pass(100)
  await far.transact((tx) => tx.add(votes, 1)).synced()
  const read = world.disk.read.bind(world.disk)
  let isBroken = true
  const disk = world.disk as { read: typeof world.disk.read }
  disk.read = async (...of) => {
    if (isBroken) throw new Error('input/output error')
    return read(...of)
  }
  const wire = world.wire()
  const heard = overhear(wire)
  const other = await world.open({ space: 'other', transport: wire })
  const store = await world.open({ transport: wire })
  const announced = waits(store, () => world.clock.nowMs())
  await world.clock.pass(300_000)
  expect(store.status).toMatchObject({ link: 'waiting', problem: { code: 'storage-failed' } })
  expect(store.status.retryAtMs).toBeGreaterThan(world.clock.nowMs())
  expect(announced.length).toBeGreaterThan(8)
  announced.forEach(({ code, ms }, i) => {
    expect(code).toBe('storage-failed')
    expect(ms).toBeGreaterThanOrEqual(1_000)
    expect(ms).toBeLessThanOrEqual(1_000 + Math.min(30_000, 500 * 2 ** (i + 1)))
  })
  expect(Math.max(...announced.map(({ ms }) => ms))).toBeGreaterThan(15_000)
  const numbers = opened(heard.up)
  expect(new Set(numbers).size).toBe(numbers.length)
  await other.transact((tx) => tx.set(title, 'alive')).synced()
  isBroken = false
  await world.clock.pass(31_000)
  expect([store.get(votes), store.status.link, store.status.problem]).toEqual([1, 'online', undefined])
  expect(heard.up.filter(({ type }) => type === 'hello')).toHaveLength(1)
  await world.close()
  expect(world.clock.timers).toBe(0)
})

test('[ST31] a store that is closed or disconnected while its channel waits leaves no timer', async () => {
  const world = await createWorld(42, { limits: { maxChannels: 1 } })
  const wire = world.wire()
  const first = await world.open({ transport: wire })
  const second = await world.open({ space: 'second', transport: wire })
  const announced = waits(second, () => world.clock.nowMs())
  await world.clock.pass(100)
  expect(second.status).toMatchObject({ link: 'waiting', problem: { code: 'forbidden' } })
  second.disconnect()
  expect(second.status.retryAtMs).toBeUndefined()
  second.connect()
  await world.clock.pass(400_000)
  // At a tenth of the pace of what passes by itself.
  expect(announced.length).toBeGreaterThan(2)
  expect(announced.length).toBeLessThan(20)
  announced.forEach(({ ms }) => expect(ms).toBeLessThanOrEqual(300_000))
  await first.close()
  second.connect()
  await settle()
  expect(second.status.link).toBe('online')
  await world.close()
  expect(world.clock.timers).toBe(0)
})

test('[ST25] [ST31] another epoch is asked about again on the next connection, or when somebody wants it', async () => {
  // What is here is more than this relay takes back.
  const world = await createWorld(43, { limits: { maxJoinBytes: 10 } })
  const storage = memoryStorage()
  const stranger = await createWorld(44)
  const before = await stranger.open({ transport: stranger.wire(), storage })
  await stranger.clock.pass(100)
  await before.transact((tx) => tx.set(title, 'theirs')).synced()
  await stranger.close()
  const wire = world.wire()
  const heard = overhear(wire)
  const store = await world.open({ transport: wire, storage })
  await world.clock.pass(600_000)
  expect(store.status).toMatchObject({ link: 'waiting', retryAtMs: undefined, problem: { code: 'epoch-changed' } })
  expect(opened(heard.up)).toHaveLength(1)
  store.connect()
  await world.clock.pass(100)
  expect(opened(heard.up)).toHaveLength(2)
  await world.restartRelay()
  await world.clock.pass(60_000)
  expect(opened(heard.up)).toHaveLength(3)
  expect(store.status.problem?.code).toBe('epoch-changed')
  await world.close()
})

for (const [kind, least, most] of [
  ['damaged', 5, 50],
  ['newer', 1, 1],
] as const) {
  test(`[ST22] a ${kind} Change is not applied, and only its space is cut`, async () => {
    const world = await createWorld(45)
    const wire = world.wire()
    const heard = overhear(wire)
    const [x, y] = [
      await world.open({ space: 'x', transport: wire }),
      await world.open({ space: 'y', transport: wire }),
    ]
    const writer = await world.open({ space: 'x', transport: world.wire() })
    await world.clock.pass(1_000)
    const links: string[] = []
    y.onStatus(({ link }) => links.push(link))
    let spoiled = 0
    let isBad = true
    const listen = wire.onTraffic!
    const { change } = writer.transact((tx) => tx.set(title, 'POISON'))
    const record = encodeChange(change!, [])
    wire.onTraffic = (direction, message) => {
      const at = direction === 'down' && isBad ? Buffer.from(message).indexOf(record) : -1
      if (at >= 0) {
        spoiled += 1
        message[at] = kind === 'damaged' ? 7 : 2
        if (kind === 'newer') {
          const crc = crc32c(message.subarray(at, at + record.length - 4))
          new DataView(message.buffer, message.byteOffset).setUint32(at + record.length - 4, crc, true)
        }
      }
      listen(direction, message)
    }
    await world.clock.pass(120_000)
    expect(x.get(title)).toBe('')
    expect(x.status).toMatchObject({ link: 'waiting', problem: { code: `${kind}-change` } })
    // What is damaged is asked for again and again, what is newer is not.
    expect(spoiled).toBeGreaterThanOrEqual(least)
    expect(spoiled).toBeLessThanOrEqual(most)
    await y.transact((tx) => tx.set(title, 'alive')).synced()
    expect(links.every((link) => link === 'online')).toBe(true)
    expect(heard.up.filter(({ type }) => type === 'hello')).toHaveLength(1)
    isBad = false
    if (kind === 'newer') await world.restartRelay()
    await world.clock.pass(60_000)
    expect([x.get(title), x.status.link, x.status.problem]).toEqual(['POISON', 'online', undefined])
    await world.close()
    expect(world.clock.timers).toBe(0)
  })
}

test('[ST32] a second store on the same space and transport has its turn when the first has left', async () => {
  const world = await createWorld(46)
  const wire = world.wire()
  const heard = overhear(wire)
  const stores = [
    await world.open({ transport: wire }),
    await world.open({ transport: wire }),
    await world.open({ transport: wire }),
  ]
  await world.clock.pass(60_000)
  expect(stores.map(({ status }) => [status.link, status.problem?.code])).toEqual([
    ['online', undefined],
    ['waiting', 'space-taken'],
    ['waiting', 'space-taken'],
  ])
  stores[2]!.transact((tx) => tx.add(votes, 1))
  // One that waits may leave as well, and one that has gone off comes back behind the others.
  stores[0]!.disconnect()
  await settle()
  expect(stores[1]!.status.link).toBe('online')
  stores[0]!.connect()
  await world.restartRelay()
  await world.clock.pass(60_000)
  expect(stores.map(({ status }) => status.link)).toEqual(['waiting', 'online', 'waiting'])
  await stores[1]!.close()
  await world.clock.pass(100)
  expect([stores[2]!.status.link, stores[2]!.status.pending]).toEqual(['online', 0])
  await stores[2]!.close()
  await world.clock.pass(100)
  expect([stores[0]!.status.link, stores[0]!.get(votes)]).toEqual(['online', 1])
  expect(heard.down.filter(({ type }) => type === 'failure')).toEqual([])
  await world.close()
  expect([wire.connections, world.clock.timers]).toEqual([0, 0])
})

test('[ST19] a long backlog is sent only as fast as the network takes it', async () => {
  const world = await createWorld(47)
  const wire = world.wire()
  const { connect } = wire
  let queue: (() => void)[] = []
  let bufferedBytes = 0
  let mostBytes = 0
  let frames = 0
  wire.connect = (events) => {
    const connection = connect.call(wire, events)
    return {
      get bufferedBytes() {
        return bufferedBytes
      },
      send(message) {
        frames += 1
        bufferedBytes += message.length
        mostBytes = Math.max(mostBytes, bufferedBytes)
        queue.push(() => connection.send(message))
      },
      close: (code, reason) => connection.close(code, reason),
    }
  }
  function drain(): void {
    const messages = queue
    queue = []
    bufferedBytes = 0
    for (const pass of messages) pass()
  }
  const store = await world.open({ transport: wire })
  for (let i = 0; i < 40; i++) store.transact((tx) => tx.set(lww(`long.${i}`, ''), 'x'.repeat(200 * 1024)))
  for (let i = 0; i < 5; i++) {
    await settle()
    drain()
  }
  await world.clock.pass(5_000)
  expect(store.status.pending).toBeGreaterThan(20)
  const sent = frames
  await world.clock.pass(5_000)
  expect(frames).toBe(sent)
  for (let i = 0; i < 20; i++) {
    drain()
    await world.clock.pass(100)
  }
  expect(store.status.pending).toBe(0)
  expect(mostBytes).toBeGreaterThan(1024 * 1024)
  expect(mostBytes).toBeLessThan(1.5 * 1024 * 1024)
  await store.close()
  drain()
  await world.close()
  expect(world.clock.timers).toBe(0)
})

test('[ST22] a message of Changes that never came is noticed by the next one, and asked for within 5 s', async () => {
  const world = await createWorld(77)
  const wire = world.wire()
  const store = await world.open({ transport: wire })
  const other = await world.open({ transport: world.wire() })
  await world.clock.pass(100)
  let lost = 0
  wire.filter = (direction) => direction === 'up' || lost++ > 0
  await other.transact((tx) => tx.add(votes, 1)).synced()
  await world.clock.pass(100)
  expect([lost, store.get(votes), store.status.link]).toEqual([1, 0, 'online'])
  const announced = waits(store, () => world.clock.nowMs())
  other.transact((tx) => tx.add(votes, 1))
  await world.clock.pass(5_000)
  expect(announced).toMatchObject([{ code: 'damaged-change' }])
  expect([store.get(votes), store.status.link]).toEqual([2, 'online'])
  await world.close()
})

for (const way of ['down', 'up'] as const) {
  test(`[ST55] a last message that never came ${way} is noticed with the next ping`, async () => {
    const world = await createWorld(78)
    const wire = world.wire()
    const heard = overhear(wire)
    const store = await world.open({ transport: wire })
    const other = await world.open({ transport: world.wire() })
    // In this space something comes all the time, so the connection is never silent.
    const [near, far] = [
      await world.open({ space: 'near', transport: wire }),
      await world.open({ space: 'near', transport: world.wire() }),
    ]
    await world.clock.pass(100)
    const writer = way === 'down' ? other : store
    let lost = 0
    wire.filter = (direction) => direction !== way || lost++ > 0
    writer.transact((tx) => tx.add(votes, 1))
    await world.clock.pass(100)
    const reader = way === 'down' ? store : other
    expect([lost, reader.get(votes), reader.status.link, store.status.link]).toEqual([1, 0, 'online', 'online'])
    const announced = waits(store, () => world.clock.nowMs())
    for (let i = 0; i < 16; i++) {
      far.transact((tx) => tx.add(votes, 1))
      await world.clock.pass(1_000)
    }
    expect(announced).toMatchObject([{ code: way === 'down' ? 'unreachable' : 'malformed' }])
    await world.clock.pass(1_000)
    expect([reader.get(votes), writer.status.pending, near.get(votes)]).toEqual([1, 0, 16])
    // And then all is well.
    await world.clock.pass(120_000)
    expect(heard.up.filter(({ type }) => type === 'hello')).toHaveLength(2)
    expect(heard.down.filter(({ type }) => type === 'pong').length).toBeGreaterThan(7)
    expect([store.status.link, store.status.problem]).toEqual(['online', undefined])
    await world.close()
  })
}

test('[ST24] who only listens, and hears something all the time, stays connected', async () => {
  const world = await createWorld(49)
  const wire = world.wire()
  const heard = overhear(wire)
  const reader = await world.open({ transport: wire })
  const writer = await world.open({ transport: world.wire() })
  for (let i = 0; i < 30; i++) {
    await world.clock.pass(5_000)
    writer.transact((tx) => tx.add(votes, 1))
  }
  await world.clock.pass(100)
  expect(reader.get(votes)).toBe(30)
  expect(heard.up.filter(({ type }) => type === 'hello')).toHaveLength(1)
  await world.close()
})
