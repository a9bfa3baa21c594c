import { createFrameReader, encodeFrames, PROTOCOL_VERSION, type Frame } from '@syncline/protocol'
import { emptyBasis } from '@syncline/stm'
import { expect, test } from 'vitest'
import type { Admission } from '../src/index.ts'
import { ann, bob, connect, join, record, run, startMs, told, turns, until, virtualClock, world } from './kit.ts'

const hello: Frame = {
  type: 'hello',
  protocol: 1,
  oldest: 1,
  agent: 'test',
  schema: 1,
  credential: new Uint8Array([1, 2]),
}
const open: Frame = { type: 'open', channel: 1, space: 'board', basis: emptyBasis }

test('[RL20] the welcome says the relay’s time, the session and what is allowed', () => {
  const { relay } = world({ limits: { maxChangeBytes: 5000, maxMessageBytes: 4000 } })
  const [a, b] = [connect(relay), connect(relay)]
  a.hello()
  b.hello()
  expect(a.heard).toMatchObject([
    { type: 'rolls', least: 64, most: 10_000 },
    { type: 'welcome', protocol: 1, timeMs: startMs, maxMessageBytes: 4000, maxChangeBytes: 5000 },
  ])
  expect(a.last('welcome').session).toMatch(/^[0-9a-f]{32}$/)
  expect(b.last('welcome').session).not.toBe(a.last('welcome').session)
})

test('[RL20] a client that does not say hello within 10 s is closed, not a moment before', () => {
  const { relay, clock } = world()
  const [silent, polite] = [connect(relay), connect(relay)]
  clock.advance(9_999)
  polite.hello()
  expect(silent.closed).toBeUndefined()
  clock.advance(1)
  expect(silent.last('failure')).toMatchObject({ channel: 0, code: 'unauthenticated' })
  expect(silent.closed).toEqual({ code: 4401, reason: 'unauthenticated' })
  expect(polite.closed).toBeUndefined()
})

test('[RL20] nothing but hello may come first, and hello only once', () => {
  const { relay } = world()
  const rude = connect(relay)
  rude.say(open)
  expect(rude.closed).toEqual({ code: 4400, reason: 'malformed' })
  const twice = connect(relay)
  twice.say(hello, hello)
  expect(twice.closed?.code).toBe(4400)
})

test('[RL20] hello and everything after it may come in one message', async () => {
  const { relay } = world()
  const a = connect(relay)
  a.say(hello, open, { type: 'changes', channel: 1, first: 0, records: run(ann, 1, 2) })
  await until(() => told(a).length === 2)
  expect(a.heard.map(({ type }) => type)).toEqual(['rolls', 'welcome', 'basis', 'epoch', 'acknowledgement'])
})

test('[RL21] a client of another protocol version is told who must be updated', () => {
  const { relay } = world()
  const newer = connect(relay)
  newer.say({ ...hello, protocol: 9, oldest: 9 })
  expect(newer.last('failure')).toMatchObject({ code: 'protocol-version' })
  expect(newer.last('failure').message).toMatch(/Update the relay/)
  expect(newer.closed).toEqual({ code: 4406, reason: 'protocol-version' })
  const both = connect(relay)
  both.say({ ...hello, protocol: 9, oldest: 1 })
  expect(both.last('welcome').protocol).toBe(PROTOCOL_VERSION)
})

test('[RL22] whoever cannot say who they are is turned away; meanwhile what they say waits', async () => {
  const asked: unknown[] = []
  let decide: ((admission: Admission) => void) | undefined
  const { relay } = world({
    authenticate(credential, client) {
      asked.push(credential, client)
      return new Promise((resolve) => (decide = resolve))
    },
  })
  const guest = connect(relay)
  guest.say(hello, open)
  await turns()
  expect(guest.heard).toEqual([])
  expect(asked).toEqual([new Uint8Array([1, 2]), { agent: 'test', schema: 1, address: '' }])
  decide!({ denied: 'Sign in again.' })
  await until(() => guest.closed !== undefined)
  expect(guest.heard).toMatchObject([{ type: 'failure', code: 'unauthenticated', message: 'Sign in again.' }])
  expect(relay.load.rooms).toBe(0)

  const user = connect(relay)
  user.say(hello, open)
  user.say({ type: 'ping', token: 5 })
  decide!({ principal: 'ann' })
  await until(() => user.all('basis').length === 1)
  expect(user.heard.map(({ type }) => type)).toEqual(['rolls', 'welcome', 'sent', 'pong', 'basis'])
})

test('[RL99] nobody asks who a client is of whom the listener knows it', async () => {
  const judged: string[] = []
  const { relay } = world({
    authenticate: () => ({ denied: 'Not by a credential.' }),
    refuse: (_header, { principal }) => {
      judged.push(principal)
      return undefined
    },
  })
  const known = connect(relay, 'ann')
  known.hello()
  known.open('board')
  known.send([record(ann, 1)])
  await until(() => known.all('acknowledgement').length === 1)
  expect(judged).toEqual(['ann'])
})

test('[RL22] when it cannot be found out who a client is, it is told to come back', async () => {
  for (const authenticate of [
    () => Promise.reject(new Error('no directory')),
    () => {
      throw new Error('no directory')
    },
  ]) {
    const { relay } = world({ authenticate })
    const a = connect(relay)
    a.hello()
    await until(() => a.closed !== undefined)
    expect(a.closed).toEqual({ code: 1013, reason: 'too-busy' })
    expect(a.last('failure').retryAfterMs).toBe(1000)
  }
})

test('[RL22] while it is looked at, what it says counts by its bytes, in whatever frames they are', async () => {
  const spaces = Array.from({ length: 600 }, (_, i) => `project/board-number-${i}`)
  const opens = spaces.map((space, i): Frame => ({ type: 'open', channel: i + 1, space, basis: emptyBasis }))
  for (const messages of [[[hello, ...opens]], [[hello], opens], [hello, ...opens].map((frame) => [frame])]) {
    let decide: (admission: Admission) => void = () => {}
    const limits = { maxUnstoredBytes: 40_000 }
    const { relay } = world({ limits, authenticate: () => new Promise((resolve) => (decide = resolve)) })
    const client = connect(relay)
    for (const frames of messages) client.say(...frames)
    expect(client.closed).toBeUndefined()
    decide({ principal: 'ann' })
    await until(() => client.all('basis').length === 600)
    expect(client.all('failure')).toEqual([])
    await relay.close()
  }
  const { relay } = world({ limits: { maxUnstoredBytes: 10_000 }, authenticate: () => new Promise(() => {}) })
  const client = connect(relay)
  client.say(hello)
  for (let i = 0; client.closed === undefined; i++) client.say(opens[i]!)
  expect(client.last('failure')).toMatchObject({ code: 'too-busy', message: 'You are sending before you are known.' })
})

test('[RL22] who is looked at for too long is told to come back, and not that they have said nothing', async () => {
  const { relay, clock } = world({ authenticate: () => new Promise(() => {}) })
  const client = connect(relay)
  clock.advance(9000)
  client.hello()
  clock.advance(9999)
  expect(client.closed).toBeUndefined()
  clock.advance(1)
  expect(client.last('failure')).toMatchObject({ channel: 0, code: 'too-busy', retryAfterMs: 1000 })
  expect(client.last('failure').message).toMatch(/within 10000 ms who you are/)
  expect([relay.load.sessions, clock.timers]).toEqual([0, 0])
})

test('[RL22] bytes that cannot be read, said while it is looked at, end it when it is known', async () => {
  let decide: (admission: Admission) => void = () => {}
  const { relay } = world({ authenticate: () => new Promise((resolve) => (decide = resolve)) })
  const client = connect(relay)
  client.hello()
  client.sayBytes(new Uint8Array([9, 1, 2]))
  client.open('board')
  expect(client.closed).toBeUndefined()
  decide({ principal: 'ann' })
  await until(() => client.closed !== undefined)
  expect(client.closed?.code).toBe(4400)
  expect(client.all('basis')).toEqual([])
})

test('[RL22] a client that goes while it is looked at leaves nothing behind', async () => {
  let decide: ((admission: Admission) => void) | undefined
  const { relay, clock } = world({ authenticate: () => new Promise((resolve) => (decide = resolve)) })
  const a = connect(relay)
  a.say(hello, open)
  a.drop()
  decide!({ principal: 'ann' })
  await turns()
  expect([relay.load, clock.timers, a.heard]).toEqual([{ sessions: 0, rooms: 0 }, 0, []])
})

for (const name of ['a', 'x'.repeat(200), 'ü 😀 ../..', ' ']) {
  test(`[RL18] ${JSON.stringify(name.slice(0, 12))} (${name.length}) is the name of a space`, async () => {
    const { relay } = world()
    const a = await join(relay, name)
    expect([a.all('basis').length, a.all('failure')]).toEqual([1, []])
  })
}

for (const name of ['', 'x'.repeat(201), 'a\u0000b', 'a\nb', 'a\u0085b', 'a\u2028b', 'a\u2029b']) {
  test(`[RL18] ${JSON.stringify(name.slice(0, 12))} (${name.length}) is no name of a space`, async () => {
    const { relay } = world()
    const a = await join(relay, name)
    expect(a.last('failure')).toMatchObject({ channel: 1, code: 'malformed' })
    expect(a.closed).toBeUndefined()
  })
}

test('[RL17] a channel that is open cannot be opened; a space is open on one channel only; there is a limit', async () => {
  const { relay } = world({ limits: { maxChannels: 2 } })
  const a = await join(relay, 'one')
  a.open('one', { channel: 2 })
  expect(a.last('failure')).toMatchObject({ channel: 2, code: 'malformed' })
  a.open('two', { channel: 2 })
  a.open('three', { channel: 3 })
  expect(a.last('failure')).toMatchObject({ channel: 3, code: 'forbidden' })
  await until(() => a.all('basis').length === 2)
  a.open('four', { channel: 2 })
  expect(a.closed).toEqual({ code: 4400, reason: 'malformed' })
})

test('[RL17] of the channels of one session each is left by itself, whether it is one of several or the only one', async () => {
  const { relay } = world()
  const client = connect(relay)
  client.hello()
  const opened = async (channel: number, space: string): Promise<void> => {
    const before = client.all('basis').length
    client.open(space, { channel })
    await until(() => client.all('basis').length > before)
  }
  const leave = async (...channels: number[]): Promise<number> => {
    for (const channel of channels) client.say({ type: 'leave', channel })
    await turns()
    return relay.load.rooms
  }
  await opened(3, 'a')
  // A number that nobody has, and the only one.
  expect([await leave(4), await leave(3)]).toEqual([1, 0])
  await opened(3, 'b')
  await opened(4, 'c')
  await opened(5, 'd')
  expect([await leave(3), await leave(3), await leave(5, 4)]).toEqual([2, 2, 0])
  await opened(3, 'b')
  await opened(4, 'a')
  client.drop()
  await turns()
  expect([relay.load, client.all('failure')]).toEqual([{ sessions: 0, rooms: 0 }, []])
})

test('[RL18] a basis that cannot be is refused on its channel', async () => {
  const { relay } = world({ limits: { maxNamedWriters: 1 } })
  const a = await join(relay, 'one', { basis: { relaySeq: 1 } })
  expect(a.last('failure')).toMatchObject({ channel: 1, code: 'malformed' })
  a.open('one', {
    basis: {
      writers: new Map([
        [ann, 1],
        [bob, 1],
      ]),
    },
  })
  expect(a.last('failure')).toMatchObject({ channel: 1, code: 'forbidden' })
})

test('[RL19] who leaves a space hears no more of it; what they sent before still counts; they may come back', async () => {
  const { relay } = world()
  const a = await join(relay, 'board')
  const b = await join(relay, 'board')
  a.say({ type: 'changes', channel: 1, first: 0, records: [record(ann, 1)] }, { type: 'leave', channel: 1 })
  await until(() => told(b).length === 1)
  b.send([record(bob, 1)])
  await until(() => told(b).length === 2)
  a.send([record(ann, 2)])
  await turns()
  expect([told(a), told(b).length, a.closed]).toEqual([[], 2, undefined])
  a.open('board', { basis: { writers: new Map([[ann, 1]]) } })
  await until(() => told(a).length === 2)
  expect(told(a)).toEqual([`${ann}:1`, record(bob, 1)])
})

test('[RL19] what a client sent before it went away still counts', async () => {
  const { relay } = world()
  const a = await join(relay, 'board')
  const b = await join(relay, 'board')
  a.send(run(ann, 1, 3))
  a.drop()
  await until(() => told(b).length === 3)
  expect(relay.load.sessions).toBe(1)
})

test('[RL26] a ping is answered, and a client silent for 45 s is closed', () => {
  const { relay, clock } = world()
  const [alive, dead] = [connect(relay), connect(relay)]
  alive.hello()
  dead.hello()
  clock.advance(30_000)
  alive.say({ type: 'ping', token: 77 })
  expect(alive.last('pong')).toEqual({ type: 'pong', token: 77 })
  clock.advance(14_999)
  expect(dead.closed).toBeUndefined()
  clock.advance(1)
  expect(dead.closed).toEqual({ code: 1013, reason: 'too-busy' })
  clock.advance(29_998)
  expect(alive.closed).toBeUndefined()
  clock.advance(2)
  expect(alive.closed?.code).toBe(1013)
  expect([relay.load.sessions, clock.timers]).toEqual([0, 0])
})

test('[RL26] who asks and takes no answer is answered when it has taken what there is, and the last time only', () => {
  const { relay, clock } = world({ limits: { highWaterBytes: 1000 } })
  const client = connect(relay)
  client.hello()
  client.isStuck = true
  const tokens = (): number[] => client.all('pong').map(({ token }) => token)
  for (let token = 1; token <= 1000; token++) client.say({ type: 'ping', token })
  const answered = tokens()
  expect(answered.length).toBeGreaterThan(10)
  expect(answered).toEqual(Array.from(answered, (_, i) => i + 1))
  expect(client.bufferedBytes).toBeLessThan(1100)
  client.isStuck = false
  client.bufferedBytes = 0
  clock.advance(100)
  expect(tokens()).toEqual([...answered, 1000])
  client.say({ type: 'ping', token: 1001 })
  expect(tokens()).toEqual([...answered, 1000, 1001])

  // And who never takes it is cut off, as whoever else does not (RL16).
  client.isStuck = true
  for (let token = 1; token <= 1000; token++) client.say({ type: 'ping', token })
  clock.advance(10_100)
  expect(client.closed?.code).toBe(1013)
  expect([relay.load.sessions, clock.timers]).toEqual([0, 0])
})

test('[RL82] with a pong comes how much was sent before it', async () => {
  const { relay } = world()
  const [one, other] = [await join(relay, 'board'), await join(relay, 'board')]
  for (const seq of [1, 2]) {
    const ofOne = one.messages.length
    one.send([record(ann, seq)])
    other.say({ type: 'presence', channel: 1, session: '0'.repeat(32), slot: seq, payload: Uint8Array.of(1) })
    // Also where something else waits to leave with it.
    one.say({ type: 'ping', token: 0 }, { type: 'ping', token: seq })
    await until(() => one.all('acknowledgement').length === seq && one.all('presence').length === seq)
    const places = one.messages.flatMap((message, place) => (firstIn(message)?.type === 'sent' ? [place] : []))
    const place = places.at(-1)!
    expect([places.length, place > ofOne]).toEqual([2 * seq, true])
    expect(one.last('sent').bytes).toBe(sizeOf(one.messages.slice(0, place)))
  }
})

test('[RL82] a client whose messages have not all come is sent away before more is taken from it', async () => {
  for (const missing of [0, 1, -1]) {
    const { relay } = world()
    const client = connect(relay)
    const said = [...messagesOf(hello, open), ...messagesOf({ type: 'ping', token: 1 })]
    said.forEach((message) => client.sayBytes(message))
    await turns()
    const [ping] = messagesOf({ type: 'sent', bytes: sizeOf(said) + missing }, { type: 'ping', token: 2 })
    client.sayBytes(ping!)
    expect(client.all('pong').map(({ token }) => token)).toEqual(missing === 0 ? [1, 2] : [1])
    expect(client.closed?.code).toBe(missing === 0 ? undefined : 4400)
    await relay.close()
  }
})

test('[RL26] one timer listens to all, and each is ended when it is its turn', () => {
  const { relay, clock } = world()
  const clients = Array.from({ length: 4 }, () => connect(relay))
  for (const client of clients) client.hello()
  expect(clock.timers).toBe(1)
  const gone = (): number[] => [...clients.keys()].filter((i) => clients[i]!.closed !== undefined)
  const say = (i: number): void => clients[i]!.say({ type: 'ping', token: 1 })
  // The first, one in the middle, the second but last: each from another place in the order.
  for (const i of [0, 2, 0]) {
    clock.advance(10_000)
    say(i)
  }
  clock.advance(5_000)
  // The last one goes, and others come after it.
  clients[0]!.drop()
  clock.advance(5_000)
  say(2)
  clients.push(connect(relay))
  clients[4]!.hello()
  clock.advance(4_999)
  expect(gone()).toEqual([])
  clock.advance(1)
  expect(gone()).toEqual([1, 3])
  clock.advance(20_000)
  say(2)
  clock.advance(19_999)
  expect(gone()).toEqual([1, 3])
  clock.advance(1)
  expect(gone()).toEqual([1, 3, 4])
  clock.advance(24_999)
  expect(gone()).toEqual([1, 3, 4])
  clock.advance(1)
  expect([gone(), clock.timers]).toEqual([[1, 2, 3, 4], 0])
})

test('[RL26] a clock that is set back keeps no dead connection for ever, and ends no living one', () => {
  const time = virtualClock()
  let offsetMs = 0
  const { relay } = world({ clock: { nowMs: () => time.nowMs() + offsetMs, setTimer: time.setTimer } })
  const [alive, dead] = [connect(relay), connect(relay)]
  alive.hello()
  dead.hello()
  offsetMs = -3_600_000
  for (const ms of [30_000, 30_000, 29_999]) {
    time.advance(ms)
    alive.say({ type: 'ping', token: 1 })
  }
  expect([alive.closed, dead.closed]).toEqual([undefined, undefined])
  time.advance(1)
  expect([alive.closed, dead.closed?.reason]).toEqual([undefined, 'too-busy'])
})

const faults: readonly (readonly [string, () => Uint8Array[], number])[] = [
  ['no message', () => [new Uint8Array(0)], 4400],
  ['a marker that is none', () => [new Uint8Array([9, 1, 2])], 4400],
  ['a frame that ends early', () => [encodeFrames([open], 9999)[0]!.subarray(0, 10)], 4400],
  [
    'a word of the relay',
    () =>
      encodeFrames(
        [
          { type: 'pong', token: 1 },
          { type: 'basis', channel: 1, head: 0, writers: new Map() },
        ],
        9999,
      ),
    4400,
  ],
  [
    'a record that is none',
    () => encodeFrames([{ type: 'changes', channel: 1, first: 0, records: [new Uint8Array(50)] }], 9999),
    4400,
  ],
  [
    'a damaged record',
    () =>
      encodeFrames(
        [
          {
            type: 'changes',
            channel: 1,
            first: 0,
            records: [record(ann, 1).map((byte, i) => (i === 40 ? byte ^ 1 : byte))],
          },
        ],
        9999,
      ),
    4400,
  ],
  ['too long a message', () => [new Uint8Array(10_001)], 1009],
]
for (const [what, messages, code] of faults) {
  test(`[RL27] ${what} ends the connection with ${code}, and nobody else’s`, async () => {
    const { relay } = world({ limits: { maxMessageBytes: 10_000 } })
    const other = await join(relay, 'board')
    const a = await join(relay, 'board')
    for (const message of messages()) a.sayBytes(message)
    expect(a.closed?.code).toBe(code)
    expect(a.heard.at(-1)).toMatchObject({ type: 'failure', channel: 0 })
    a.hello()
    other.send([record(bob, 1)])
    await until(() => told(other).length === 1)
  })
}

test('[RL27] parts that never end do not fill the memory', async () => {
  const { relay } = world()
  const a = await join(relay, 'board')
  const part = new Uint8Array(1024 * 1024)
  part[0] = 1
  let sent = 0
  while (a.closed === undefined && sent < 40) {
    a.sayBytes(part)
    sent += 1
  }
  expect([sent, a.closed]).toEqual([17, { code: 1009, reason: 'too-large' }])
})

test('[RL30] a relay that is closing turns newcomers away', async () => {
  const { relay } = world()
  await relay.close()
  const late = connect(relay)
  late.hello()
  await until(() => late.closed !== undefined)
  expect(late.heard).toMatchObject([{ type: 'failure', code: 'stopping', retryAfterMs: 1000 }])
  expect(late.closed).toEqual({ code: 1001, reason: 'stopping' })
})

function messagesOf(...frames: Frame[]): Uint8Array[] {
  return encodeFrames(frames, 65_536)
}

function sizeOf(messages: readonly Uint8Array[]): number {
  return messages.reduce((sum, { length }) => sum + length, 0)
}

function firstIn(message: Uint8Array): Frame | undefined {
  return createFrameReader({ maxPacketBytes: 65_536 }).push(message)[0]
}
