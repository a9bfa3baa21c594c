import { collection, counter, lww, place } from '@syncline/merge'
import { encodeFrames, MAX_MESSAGE_BYTES } from '@syncline/protocol'
import { expect, test } from 'vitest'
import { memoryStorage, StoreError, type Status, type Storage } from '../src/index.ts'
import { brittleStorage, createWorld, settle } from './world.ts'

const title = lww('title', '')
const votes = counter('votes')
const cards = collection('cards', { title: '', done: false, place: place() })

test('[ST19] [ST21] two browsers converge through the relay', async () => {
  const world = await createWorld(1)
  const one = await world.open({ transport: world.wire() })
  const two = await world.open({ transport: world.wire() })
  const receipt = one.transact((tx) => {
    tx.set(title, 'Plan')
    tx.create(cards.at('a'), { title: 'A' })
  })
  two.transact((tx) => tx.add(votes, 2))
  await world.clock.pass(100)
  await receipt.synced()
  expect(two.get(title)).toBe('Plan')
  expect(two.get(cards.at('a'))).toEqual(one.get(cards.at('a')))
  expect(one.get(votes)).toBe(2)
  expect(one.status).toMatchObject({ saved: 'relay', unsaved: 0, pending: 0, link: 'online', problem: undefined })
  expect(one.snapshot.basis).toEqual(two.snapshot.basis)
  expect(one.snapshot.basis).toMatchObject({ relaySeq: 2, writers: new Map() })
  await world.close()
  expect(world.clock.timers).toBe(0)
})

test('[ST20] what was pending before a reload is sent after it, and nothing is doubled', async () => {
  const world = await createWorld(2)
  const wire = world.wire()
  const storage = memoryStorage()
  const one = await world.open({ transport: wire, storage })
  await world.clock.pass(100)
  await one.transact((tx) => tx.add(votes, 1)).synced()
  wire.cut()
  for (let i = 0; i < 5; i++) one.transact((tx) => tx.add(votes, 10))
  await one.close()
  const again = await world.open({ transport: wire, storage })
  expect([again.get(votes), again.status.pending]).toEqual([51, 5])
  wire.mend()
  await world.clock.pass(60_000)
  expect(again.status).toMatchObject({ pending: 0, link: 'online' })
  const two = await world.open({ transport: world.wire() })
  await world.clock.pass(100)
  expect(two.get(votes)).toBe(51)
  await world.close()
})

test('[ST20] a lost acknowledgement counts once', async () => {
  const world = await createWorld(3)
  const wire = world.wire()
  const one = await world.open({ transport: wire })
  await world.clock.pass(100)
  wire.filter = (direction) => direction === 'up'
  const receipt = one.transact((tx) => tx.add(votes, 1))
  await world.clock.pass(1000)
  expect(one.status.pending).toBe(1)
  wire.cut()
  wire.filter = undefined
  wire.mend()
  one.transact((tx) => tx.add(votes, 10))
  await world.clock.pass(60_000)
  await receipt.synced()
  const two = await world.open({ transport: world.wire() })
  await world.clock.pass(100)
  expect([one.get(votes), two.get(votes), two.snapshot.basis.relaySeq]).toEqual([11, 11, 2])
  await world.close()
})

test('nothing acknowledged is lost when the relay dies again and again', async () => {
  const world = await createWorld(4)
  const one = await world.open({ transport: world.wire() })
  const two = await world.open({ transport: world.wire() })
  await world.clock.pass(100)
  let acknowledged = 0
  for (let round = 0; round < 12; round++) {
    for (let i = 0; i < 10; i++) {
      void one
        .transact((tx) => tx.add(votes, 1))
        .synced()
        .then(() => acknowledged++)
      void two
        .transact((tx) => tx.add(votes, 1))
        .synced()
        .then(() => acknowledged++)
      if (i === round % 10) await settle()
    }
    await world.restartRelay()
    await world.clock.pass(40_000)
  }
  expect(acknowledged).toBe(240)
  expect([one.get(votes), two.get(votes)]).toEqual([240, 240])
  await world.close()
})

test('[ST16] the link of a closed tab is taken over by another', async () => {
  const world = await createWorld(5)
  const storage = memoryStorage()
  const wire = world.wire()
  const [tab1, tab2] = [await world.open({ storage, transport: wire }), await world.open({ storage, transport: wire })]
  await world.clock.pass(100)
  expect(wire.connections).toBe(1)
  expect([tab1.status.link, tab2.status.link]).toEqual(['online', 'online'])
  const receipt = tab2.transact((tx) => tx.set(title, 'from the second tab'))
  await world.clock.pass(100)
  await receipt.synced()
  tab1.transact((tx) => tx.add(votes, 1))
  await tab1.close()
  await world.clock.pass(100)
  expect(tab2.status).toMatchObject({ link: 'online', pending: 0 })
  const two = await world.open({ transport: world.wire() })
  await world.clock.pass(100)
  expect([two.get(title), two.get(votes)]).toEqual(['from the second tab', 1])
  await world.close()
})

test('[ST18] the link is switched for all tabs of a browser', async () => {
  const world = await createWorld(6)
  const storage = memoryStorage()
  const wire = world.wire()
  const tab1 = await world.open({ storage, transport: wire })
  const tab2 = await world.open({ storage, transport: wire })
  await world.clock.pass(100)
  tab2.disconnect()
  await world.clock.pass(100)
  expect([tab1.status.link, tab2.status.link, wire.connections]).toEqual(['off', 'off', 0])
  tab1.transact((tx) => tx.set(title, 'x'))
  await world.clock.pass(60_000)
  expect(tab2.status.pending).toBe(1)
  tab1.connect()
  await world.clock.pass(100)
  expect(tab2.status).toMatchObject({ link: 'online', pending: 0 })
  await world.close()
})

test('[ST23] attempts are spread over ever longer times, and a nudge tries at once', async () => {
  const world = await createWorld(7)
  const wire = world.wire()
  let nudge = (): void => undefined
  wire.onNudge = (listener) => {
    nudge = listener
    return () => undefined
  }
  wire.cut()
  const store = await world.open({ transport: wire })
  const waits: number[] = []
  store.onStatus((status: Status) => {
    if (status.retryAtMs !== undefined) waits.push(status.retryAtMs - world.clock.nowMs())
  })
  await world.clock.pass(10 * 60_000)
  expect(waits.length).toBeGreaterThan(20)
  waits.forEach((wait, i) => expect(wait).toBeLessThanOrEqual(Math.min(30_000, 500 * 2 ** (i + 1))))
  expect(Math.max(...waits)).toBeGreaterThan(20_000)
  expect(new Set(waits).size).toBeGreaterThan(15)
  expect(store.status.problem?.code).toBe('unreachable')
  wire.mend()
  nudge()
  await settle()
  expect(store.status.link).toBe('online')
  await world.close()
})

test('[ST24] a relay that does not answer is given up, and said so', async () => {
  const world = await createWorld(8)
  const wire = world.wire()
  wire.filter = (direction) => direction === 'up'
  const store = await world.open({ transport: wire })
  await world.clock.pass(9_000)
  expect(store.status.link).toBe('connecting')
  await world.clock.pass(1_100)
  expect(store.status.problem).toMatchObject({ code: 'no-answer' })
  wire.filter = undefined
  await world.clock.pass(60_000)
  expect(store.status).toMatchObject({ link: 'online', problem: undefined })
  wire.filter = (direction) => direction === 'up'
  await world.clock.pass(46_000)
  expect(store.status.problem).toMatchObject({ code: 'silence' })
  await world.close()
})

test.each([0, 20, 200])(
  '[ST24] a connection that breaks without a word is given up after 45 s, at %i ms each way',
  async (ms) => {
    const world = await createWorld(8)
    const wire = world.wire()
    let isBroken = false
    let heardAtMs = 0
    const store = await world.open({
      transport: {
        connect({ onOpen, onMessage, onClose }) {
          const later = (fn: () => void): void => void world.clock.setTimer(ms, () => isBroken || fn())
          const connection = wire.connect({
            onOpen: () => later(onOpen),
            onMessage: (message) =>
              later(() => {
                heardAtMs = world.clock.nowMs()
                onMessage(message)
              }),
            onClose: (code, reason) => later(() => onClose(code, reason)),
          })
          return {
            bufferedBytes: 0,
            send: (message) => later(() => connection.send(message)),
            close: () => connection.close(),
          }
        },
      },
    })
    await world.clock.pass(61_000)
    expect(store.status.link).toBe('online')
    // At the worst moment: something has just been heard, and nothing more will be.
    for (const before = heardAtMs; heardAtMs === before;) await world.clock.pass(10)
    isBroken = true
    await world.clock.pass(44_980)
    expect(store.status.link).toBe('online')
    await world.clock.pass(30)
    expect(store.status).toMatchObject({ link: 'waiting', problem: { code: 'silence' } })
    await world.close()
  },
)

test('[ST24] a nudge asks at once whether a connection that has been silent for long is still there', async () => {
  const world = await createWorld(8)
  const wire = world.wire()
  let nudge = (): void => undefined
  wire.onNudge = (listener) => {
    nudge = listener
    return () => undefined
  }
  // The clock of a page that was frozen goes on, and its timers do not.
  let frozenMs = 0
  const clock = { ...world.clock, nowMs: () => world.clock.nowMs() + frozenMs }
  const store = await world.open({ transport: wire, clock })
  await world.clock.pass(1_000)
  frozenMs = 46_000
  nudge()
  expect(store.status).toMatchObject({ link: 'waiting', problem: { code: 'silence' } })
  await world.close()
})

test('[ST24] a relay that is silent is noticed although this clock was set back', async () => {
  const world = await createWorld(8)
  const wire = world.wire()
  let behindMs = 0
  const clock = { ...world.clock, nowMs: () => world.clock.nowMs() - behindMs, setTimer: world.clock.setTimer }
  const store = await world.open({ transport: wire, clock })
  await world.clock.pass(1_000)
  wire.filter = (direction) => direction === 'up'
  behindMs = 3_600_000
  await world.clock.pass(61_000)
  expect(store.status.problem).toMatchObject({ code: 'silence' })
  await world.close()
})

test('[ST47] what was worked out with one relay is brought to another that has never heard of it', async () => {
  const world = await createWorld(9)
  const storage = memoryStorage()
  const one = await world.open({ transport: world.wire(), storage })
  await world.clock.pass(100)
  await one.transact((tx) => tx.set(title, 'kept')).synced()
  await one.close()
  const other = await createWorld(10)
  const stranger = await other.open({ transport: other.wire() })
  await other.clock.pass(60_000)
  await stranger.transact((tx) => tx.set(title, 'another history')).synced()
  const again = await other.open({ transport: other.wire(), storage })
  again.transact((tx) => tx.add(votes, 1))
  await other.clock.pass(1000)
  for (const store of [again, stranger]) {
    expect([store.get(title), store.get(votes)]).toEqual(['another history', 1])
    expect(store.status).toMatchObject({ link: 'online', pending: 0, problem: undefined })
  }
  await world.close()
  await other.close()
})

test('[ST12] a log that refuses keeps the work in memory and on the relay, and takes it later', async () => {
  const world = await createWorld(14)
  const inner = memoryStorage()
  let full = false
  const storage = brittleStorage(inner, () => (full ? new Error('the disk is full') : undefined))
  const store = await world.open({ transport: world.wire(), storage })
  await world.clock.pass(100)
  full = true
  const receipt = store.transact((tx) => tx.set(title, 'kept'))
  await expect(receipt.durable()).rejects.toMatchObject({ code: 'storage-failed' })
  expect(store.status).toMatchObject({ storage: 'degraded', unsaved: 1, saved: 'memory' })
  await world.clock.pass(500)
  await receipt.synced()
  full = false
  await world.clock.pass(2_000)
  expect(store.status).toMatchObject({ storage: 'ok', unsaved: 0, saved: 'relay' })
  await store.close()
  const again = await world.open({ storage: inner })
  expect(again.get(title)).toBe('kept')
  await world.close()
})

test('[ST22] bytes that are not a Change are never applied', async () => {
  const world = await createWorld(15)
  const wire = world.wire()
  const store = await world.open({ transport: wire })
  await world.clock.pass(100)
  let spoil = true
  wire.filter = undefined
  const two = await world.open({ transport: world.wire() })
  await world.clock.pass(100)
  wire.onTraffic = (direction, message) => {
    if (direction === 'down' && spoil && message.length > 60) {
      message[message.length - 8]! ^= 1
      spoil = false
    }
  }
  two.transact((tx) => tx.set(title, 'whole'))
  await world.clock.pass(60_000)
  expect(spoil).toBe(false)
  expect(store.get(title)).toBe('whole')
  await world.close()
})

test('a newer protocol is refused with a sentence that says who must be updated', async () => {
  const world = await createWorld(16)
  const wire = world.wire()
  const connect = wire.connect.bind(wire)
  wire.connect = (events) => {
    const connection = connect(events)
    return {
      ...connection,
      bufferedBytes: 0,
      send() {
        const hello = {
          type: 'hello',
          protocol: 9,
          oldest: 9,
          agent: 'x',
          schema: 0,
          credential: new Uint8Array(),
        } as const
        connection.send(encodeFrames([hello], MAX_MESSAGE_BYTES)[0]!)
      },
    }
  }
  const store = await world.open({ transport: wire })
  await world.clock.pass(300)
  expect(store.status.problem).toMatchObject({ code: 'protocol-version' })
  await world.close()
})

test('[ST19] a tab whose storage is lost runs the link all the same', async () => {
  const world = await createWorld(19)
  const inner = memoryStorage()
  const errors: unknown[] = []
  const lost = (): Promise<never> => Promise.reject(new StoreError('storage-evicted', 'The browser has deleted it.'))
  const storage: Storage = {
    ...inner,
    openLog: async (space) => ({ ...(await inner.openLog(space)), append: lost, takeFence: lost }),
  }
  const store = await world.open({ transport: world.wire(), storage, onError: (error) => errors.push(error) })
  const receipt = store.transact((tx) => tx.set(title, 'rescued'))
  await world.clock.pass(5_000)
  await receipt.synced()
  const two = await world.open({ transport: world.wire() })
  await world.clock.pass(100)
  expect(two.get(title)).toBe('rescued')
  expect(errors).toMatchObject([{ code: 'storage-evicted' }])
  expect(store.status).toMatchObject({ storage: 'evicted', saved: 'relay', link: 'online' })
  await expect(store.close()).rejects.toMatchObject({ code: 'storage-failed' })
  const after = await two.transact((tx) => tx.add(votes, 1)).synced()
  expect(after).toBeUndefined()
  await two.close()
})

test('stores with the same transport share one connection, and one that closes leaves the other alone', async () => {
  const world = await createWorld(20)
  const wire = world.wire()
  const far = world.wire()
  const spaces = ['board', 'board/2', 'BOARD', 'böard', '__proto__']
  const near = await Promise.all(spaces.map((space) => world.open({ space, transport: wire })))
  const others = await Promise.all(spaces.map((space) => world.open({ space, transport: far })))
  near.forEach((store, i) => store.transact((tx) => tx.set(title, `in ${spaces[i]!}`)))
  await world.clock.pass(1_000)
  expect([wire.connections, far.connections]).toEqual([1, 1])
  expect(others.map((store) => store.get(title))).toEqual(spaces.map((space) => `in ${space}`))
  await near[0]!.close()
  near[1]!.transact((tx) => tx.add(votes, 1))
  await world.clock.pass(1_000)
  expect([others[1]!.get(votes), wire.connections]).toEqual([1, 1])
  const again = await world.open({ space: 'board', transport: wire })
  await world.clock.pass(1_000)
  expect([again.get(title), again.status.link, wire.connections]).toEqual(['in board', 'online', 1])
  await world.close()
  expect([wire.connections, far.connections, world.clock.timers]).toEqual([0, 0, 0])
})

test('a storm of switching leaves one link and everything in its place', async () => {
  const world = await createWorld(21)
  const wire = world.wire()
  const storage = memoryStorage()
  const tabs = [await world.open({ transport: wire, storage }), await world.open({ transport: wire, storage })]
  for (let i = 0; i < 200; i++) {
    const tab = tabs[i % 2]!
    tab.transact((tx) => tx.add(votes, 1))
    if (i % 3 === 0) tab.disconnect()
    else tab.connect()
    if (i % 7 === 0) await settle()
  }
  tabs[0]!.connect()
  await world.clock.pass(60_000)
  const two = await world.open({ transport: world.wire() })
  await world.clock.pass(1_000)
  expect([two.get(votes), tabs[0]!.get(votes), tabs[1]!.get(votes), wire.connections]).toEqual([200, 200, 200, 1])
  await world.close()
  expect(world.clock.timers).toBe(0)
})
