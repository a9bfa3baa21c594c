import { expect, test } from 'vitest'
import { createMemoryStorage, type LogStorage } from '../src/index.ts'
import { gatedStorage } from './gated.ts'
import { ann, bob, connect, join, record, run, sums, told, turns, until, world, writerId } from './kit.ts'

test('[RL13] a client that joins while others write gets every Change once, in order', async () => {
  const storage = gatedStorage()
  const { relay } = world({ storage, limits: { maxFrameBytes: 500 } })
  const a = await join(relay, 'board')
  a.send(run(ann, 1, 200))
  await until(() => told(a).length === 200)
  const joining = Array.from({ length: 5 }, () => join(relay, 'board'))
  let seq = 200
  const writing = (async () => {
    for (let i = 0; i < 100; i++) {
      a.send([record(ann, ++seq)])
      await turns(1)
    }
  })()
  const late = await Promise.all(joining)
  await writing
  await until(() => late.every((client) => told(client).length === 300))
  for (const client of late) expect(told(client)).toEqual(run(ann, 1, 300))
  expect(storage.reads).toBeGreaterThan(5)
})

test('[RL13] a client that was away gets what it has not, and its own as acknowledgements', async () => {
  const { relay } = world()
  const a = await join(relay, 'board')
  a.send(run(ann, 1, 10))
  await until(() => told(a).length === 10)
  const b = await join(relay, 'board')
  b.send(run(bob, 1, 3))
  await until(() => told(b).length === 13)
  const { epoch } = a.last('epoch')
  const back = await join(relay, 'board', { basis: { epoch, relaySeq: 8, writers: new Map([[bob, 2]]) } })
  await until(() => told(back, 8).length === 5)
  expect(told(back, 8)).toEqual([...run(ann, 9, 10), `${bob}:1`, `${bob}:2`, record(bob, 3)])
})

test('[RL14] a frame of Changes holds what is allowed, or one longer Change', async () => {
  const { relay } = world({ limits: { maxFrameBytes: 2000 } })
  const a = await join(relay, 'board')
  const live = await join(relay, 'board')
  a.send([record(ann, 1, { payload: 'x'.repeat(5000) }), ...run(ann, 2, 50)])
  await until(() => told(a).length === 50)
  const late = await join(relay, 'board')
  await until(() => told(late).length === 50)
  for (const client of [live, late]) {
    const frames = client.all('changes')
    expect(frames.length).toBeGreaterThan(2)
    for (const { records } of frames) {
      const bytes = records.reduce((sum, { length }) => sum + length, 0)
      expect(records.length === 1 || bytes <= 2000).toBe(true)
    }
    expect(frames[0]!.records.length).toBe(1)
  }
})

test('[RL14] a Change longer than a message comes in parts', async () => {
  const { relay } = world()
  const a = await join(relay, 'board')
  const b = await join(relay, 'board')
  const long = record(ann, 1, { payload: 'x'.repeat(3_000_000) })
  a.send([long])
  await until(() => told(b).length === 1)
  expect(sums(told(b))).toEqual(sums([long]))
  expect(b.messages.filter(({ length }) => length > 1024 * 1024)).toEqual([])
})

test('[RL15] a client that reads slowly is sent nothing above the mark, and gets the rest from the log', async () => {
  const highWaterBytes = 64 * 1024
  const { relay, clock } = world({ limits: { highWaterBytes, maxFrameBytes: 16 * 1024 } })
  const a = await join(relay, 'board')
  const slow = await join(relay, 'board')
  const quick = await join(relay, 'board')
  slow.isStuck = true
  const payload = 'x'.repeat(8000)
  for (let seq = 1; seq <= 100; seq++) {
    a.send([record(ann, seq, { payload })])
    await turns(1)
  }
  await until(() => told(quick).length === 100)
  expect(told(slow).length).toBeGreaterThan(4)
  expect(told(slow).length).toBeLessThan(12)
  expect(slow.bufferedBytes).toBeLessThan(highWaterBytes + 20 * 1024)

  while (told(slow).length < 100) {
    const before = told(slow).length
    slow.bufferedBytes = 0
    clock.advance(20)
    await until(() => told(slow).length > before || told(slow).length === 100)
    expect(slow.bufferedBytes).toBeLessThan(highWaterBytes + 20 * 1024)
  }
  expect(sums(told(slow))).toEqual(sums(run(ann, 1, 100, { payload })))
  slow.isStuck = false
  slow.bufferedBytes = 0
  clock.advance(20)
  await turns()
  a.send([record(ann, 101)])
  await until(() => told(slow).length === 101)
})

test('[RL15] a long log is read no further ahead than the client takes', async () => {
  const storage = gatedStorage()
  const { relay, clock } = world({ storage, limits: { highWaterBytes: 64 * 1024, maxFrameBytes: 16 * 1024 } })
  const a = await join(relay, 'board')
  const payload = 'x'.repeat(15_000)
  a.send(run(ann, 1, 60, { payload }))
  await until(() => told(a).length === 60)
  const before = storage.reads
  const slow = connect(relay)
  slow.hello()
  await until(() => slow.all('welcome').length === 1)
  slow.isStuck = true
  slow.open('board')
  await turns(100)
  expect(storage.reads - before).toBeLessThanOrEqual(7)
  const first = told(slow).length
  slow.isStuck = false
  slow.bufferedBytes = 0
  clock.advance(20)
  await until(() => told(slow).length === 60)
  expect(first).toBeLessThan(10)
})

test('[RL53] what several come to, who have the same, is read once, and told in the same bytes', async () => {
  const storage = gatedStorage()
  const { relay } = world({ storage, limits: { maxFrameBytes: 16 * 1024 } })
  const a = await join(relay, 'board')
  a.send(run(ann, 1, 40, { payload: 'x'.repeat(1_000) }))
  await until(() => told(a).length === 40)
  const first = await join(relay, 'board')
  await until(() => told(first).length === 40)
  const { reads } = storage
  const others = await Promise.all(Array.from({ length: 5 }, () => join(relay, 'board')))
  await until(() => others.every((other) => told(other).length === 40))
  expect(storage.reads).toBe(reads)
  for (const other of others) expect(told(other)).toEqual(told(first))
  // Nobody follows the space any more, and so nothing is kept of it.
  for (const client of [a, first, ...others]) client.drop()
  await until(() => relay.load.rooms === 0)
  const again = await join(relay, 'board')
  await until(() => told(again).length === 40)
  expect(storage.reads).toBeGreaterThan(reads)
})

test('[RL53] those who come back, and each misses something else, read little of it each for themselves', async () => {
  let read = 0
  const inner = createMemoryStorage()
  const counting: LogStorage = {
    ...inner,
    async read(...asked) {
      const records = await inner.read(...asked)
      read += records.length
      return records
    },
  }
  const { relay } = world({ storage: counting })
  const a = await join(relay, 'board')
  a.send(run(ann, 1, 1_000))
  await until(() => told(a).length === 1_000)
  const { epoch } = a.last('epoch')
  const all = await join(relay, 'board')
  await until(() => told(all).length === 1_000)
  const written = told(all)
  read = 0
  const places = Array.from({ length: 100 }, (_, i) => 401 + i)
  const back = await Promise.all(
    places.map((relaySeq) => join(relay, 'board', { basis: { epoch, relaySeq, writers: new Map() } })),
  )
  await until(() => back.every((client, i) => told(client, places[i]!).length === 1_000 - places[i]!))
  for (const [i, client] of back.entries())
    expect(sums(told(client, places[i]!))).toEqual(sums(written.slice(places[i])))
  // Each the rest of its sixteen, and then what they read together: 600 and not 55,000.
  expect(read).toBeLessThan(100 * 16 + 2 * 600)
})

test('[RL16] a client that takes nothing for 10 s is closed, one that takes a little is not', async () => {
  const { relay, clock } = world({ limits: { highWaterBytes: 10_000, silenceTimeoutMs: 1e9 } })
  const a = await join(relay, 'board')
  const dead = await join(relay, 'board')
  const slow = await join(relay, 'board')
  dead.isStuck = slow.isStuck = true
  for (let seq = 1; seq <= 3; seq++) a.send([record(ann, seq, { payload: 'x'.repeat(8000) })])
  await until(() => told(a).length === 3 && dead.bufferedBytes > 0 && slow.bufferedBytes > 0)
  await turns()
  for (let ms = 0; ms < 9_980; ms += 20) {
    slow.bufferedBytes -= 1
    clock.advance(20)
  }
  expect([dead.closed, slow.closed]).toEqual([undefined, undefined])
  slow.bufferedBytes -= 1
  clock.advance(40)
  expect(dead.closed).toEqual({ code: 1013, reason: 'too-busy' })
  expect(slow.closed).toBeUndefined()
  expect(dead.last('failure')).toMatchObject({ channel: 0, code: 'too-busy' })
})

test('[RL16] a client for whom too much waits is closed', async () => {
  const { relay } = world({ limits: { highWaterBytes: 10_000, maxBufferedBytes: 20_000 } })
  const a = await join(relay, 'board')
  const stuck = await join(relay, 'board')
  stuck.isStuck = true
  a.send([record(ann, 1, { payload: 'x'.repeat(30_000) })])
  await until(() => stuck.closed !== undefined)
  expect(stuck.closed).toEqual({ code: 1013, reason: 'too-busy' })
  await until(() => told(a).length === 1)
})

test('[RL13] the acknowledgement of a long run is one frame, up to what one may cover', async () => {
  const { relay } = world()
  const a = await join(relay, 'board')
  a.send([record(bob, 1)])
  await until(() => told(a).length === 1)
  a.send(run(ann, 1, 500))
  await until(() => told(a).length === 501)
  expect(a.all('acknowledgement')).toMatchObject([
    { writer: bob, firstSeq: 1, first: 1, count: 1 },
    { writer: ann, firstSeq: 1, first: 2, count: 500 },
  ])
  const late = await join(relay, 'board', {
    basis: {
      writers: new Map([
        [ann, 500],
        [writerId(3), 2],
      ]),
    },
  })
  await until(() => told(late).length === 501)
  expect(late.all('acknowledgement').length).toBeLessThanOrEqual(2)
})

test('[RL53] what several clients are told alike is the same bytes', async () => {
  const { relay } = world()
  const a = await join(relay, 'board')
  const others = await Promise.all(Array.from({ length: 3 }, () => join(relay, 'board')))
  const elsewhere = await join(relay, 'board', { channel: 4 })
  // The first ones come with the word in which epoch they stand.
  a.send(run(ann, 1, 2))
  await until(() => told(a).length === 2)
  a.send(run(ann, 3, 5))
  await until(() => told(a).length === 5 && told(elsewhere, 0, 4).length === 5)
  const [first] = others
  for (const client of others) {
    expect(told(client)).toEqual(run(ann, 1, 5))
    expect(client.messages.at(-1)).toBe(first!.messages.at(-1))
  }
  expect(told(elsewhere, 0, 4)).toEqual(run(ann, 1, 5))
})
