import { encodeFrames, PROTOCOL_VERSION, rollId, type Expectation, type Frame } from '@syncline/protocol'
import type { Value } from '@syncline/stm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { envelope, holds, op } from './envelopes.ts'
import { ann, bob, connect, eve, join, record, told, turns, until, world, writerId, type Client } from './kit.ts'

/** Frames as a client that knows the words, and nothing of manners, would say them. */
const frame: fc.Arbitrary<Frame> = fc.oneof(
  fc.record({
    type: fc.constant('hello' as const),
    protocol: fc.constant(PROTOCOL_VERSION + 1),
    oldest: fc.constantFrom(1, 1, 1, 2, PROTOCOL_VERSION + 1),
    agent: fc.string(),
    schema: fc.nat(),
    credential: fc.uint8Array({ maxLength: 8 }),
  }),
  fc.record({
    type: fc.constant('open' as const),
    channel: fc.integer({ min: 1, max: 4 }),
    space: fc.constantFrom('board', 'other', '', 'a\u0000', 'x'.repeat(300)),
    basis: fc.record({
      epoch: fc.constantFrom(null, 'f'.repeat(32)),
      relaySeq: fc.constantFrom(0, 0, 1, 2 ** 53 - 1),
      writers: fc.constantFrom(new Map(), new Map([[ann, 3]]), new Map([[eve, 2 ** 53 - 1]])),
    }),
  }),
  fc.record({
    type: fc.constant('changes' as const),
    channel: fc.integer({ min: 1, max: 4 }),
    first: fc.constantFrom(0, 1, 77),
    records: fc.array(
      fc
        .record({ seq: fc.integer({ min: 1, max: 5 }), payload: fc.string(), number: fc.integer({ min: 50, max: 53 }) })
        .map(({ seq, payload, number }) => record(writerId(number), seq, { payload })),
      { minLength: 1, maxLength: 3 },
    ),
  }),
  fc.record({
    type: fc.constant('presence' as const),
    channel: fc.integer({ min: 1, max: 4 }),
    session: fc.constant('0'.repeat(32)),
    slot: fc.nat({ max: 80 }),
    payload: fc.uint8Array({ maxLength: 5000 }),
  }),
  fc.record({
    type: fc.constant('changes' as const),
    channel: fc.integer({ min: 1, max: 2 }),
    first: fc.constant(0),
    records: fc
      .record({
        number: fc.integer({ min: 100, max: 5000 }),
        seq: fc.constantFrom(1, 1, 1, 2),
        tag: fc.constantFrom('lww', 'counter', 'record', 'list', 'text', '?'),
        address: fc.constantFrom('seat', 'seats/a', 'seats/', '/', '__proto__'),
        payload: fc.constantFrom<Value>(null, [0, 'x'], [1, 1], [3, 1], [0, 'i', 'a0', 'x'], ['__proto__'], { a: 1 }),
        expected: fc.constantFrom<Value | undefined>(undefined, null, 'x', ['x']),
        collection: fc.constantFrom('seats', '', '/', '__proto__'),
      })
      .map(({ number, seq, tag, address, payload, expected, collection }) => [
        envelope(
          writerId(number),
          [
            holds(tag, address, expected),
            { kind: 'members', tag, collection, from: '', to: undefined, content: 'f'.repeat(32) },
            { kind: 'list', tag, collection, field: '', parent: '', from: 3, to: 1, content: 'f'.repeat(32) },
          ].slice(0, number % 4) as Expectation[],
          [op(tag, address, payload)],
          { seq },
        ),
      ]),
  }),
  fc.record({
    type: fc.constant('abort' as const),
    channel: fc.integer({ min: 1, max: 4 }),
    writer: fc.integer({ min: 100, max: 5000 }).map(writerId),
    seq: fc.constantFrom(1, 1, 1, 2),
  }),
  fc.record({ type: fc.constant('leave' as const), channel: fc.integer({ min: 1, max: 4 }) }),
  fc.record({
    type: fc.constant('roll' as const),
    channel: fc.integer({ min: 1, max: 4 }),
    roll: fc.constantFrom(rollId(['board', 'other']), rollId(['a', 'b']), 'f'.repeat(32)),
    count: fc.constantFrom(2, 2, 2, 1, 2 ** 53 - 1),
    root: fc.constantFrom(new Uint8Array(8), new Uint8Array(8).fill(7)),
  }),
  fc.record({
    type: fc.constant('names' as const),
    channel: fc.integer({ min: 1, max: 4 }),
    names: fc.constantFrom(['board', 'other'], ['a', 'b'], ['a']),
  }),
  fc.record({
    type: fc.constant('below' as const),
    channel: fc.integer({ min: 1, max: 4 }),
    level: fc.integer({ min: 1, max: 3 }),
    nodes: fc.constantFrom([0], [0, 1], [65_536]),
  }),
  fc.record({ type: fc.constantFrom('stand' as const, 'singly' as const), channel: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ type: fc.constant('ping' as const), token: fc.nat() }),
  fc.record({ type: fc.constant('pong' as const), token: fc.nat() }),
  fc.record({ type: fc.constant('sent' as const), bytes: fc.nat() }),
  fc.record({ type: fc.constant('expires' as const), inMs: fc.nat() }),
  fc.record({ type: fc.constant('credential' as const), credential: fc.uint8Array({ maxLength: 8 }) }),
  fc.constant<Frame>({ type: 'failure', channel: 0, code: 'malformed', message: '', retryAfterMs: 0 }),
)

const hello: Frame = { type: 'hello', protocol: 1, oldest: 1, agent: '', schema: 1, credential: new Uint8Array(0) }
const open: Frame = {
  type: 'open',
  channel: 1,
  space: 'board',
  basis: { epoch: null, relaySeq: 0, writers: new Map() },
}

/** One connection's life: well-begun or not, then messages whole, with a few bytes turned, or of noise. */
const attack = fc.record({
  beginning: fc.constantFrom<Frame[]>([], [hello], [hello, open], [hello, open]),
  messages: fc.array(
    fc.oneof(
      { weight: 5, arbitrary: fc.array(frame, { minLength: 1, maxLength: 4 }).map(bytesOf) },
      {
        weight: 3,
        arbitrary: fc
          .tuple(
            fc.array(frame, { minLength: 1, maxLength: 4 }).map(bytesOf),
            fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 3 }),
          )
          .map(([bytes, turned]) => {
            for (const [at, byte] of turned) bytes[at % bytes.length] = byte
            return bytes
          }),
      },
      { weight: 1, arbitrary: fc.uint8Array({ maxLength: 60 }) },
    ),
    { minLength: 4, maxLength: 12 },
  ),
})

function bytesOf(frames: readonly Frame[]): Uint8Array {
  return encodeFrames(frames, 1024 * 1024)[0]!
}

/** Lets many attack one relay, on which two work meanwhile. Gives how many messages it took, and how it has ended connections. */
async function attackOne(seed: number, numRuns: number): Promise<{ readonly sent: number; readonly ends: string[] }> {
  const defects: unknown[] = []
  const log = { debug() {}, info() {}, warn() {}, error: (...words: unknown[]) => void defects.push(words) }
  const { relay, storage } = world({ log, limits: { leastRoll: 2 } })
  const a = await join(relay, 'board')
  const b = await join(relay, 'board')
  let seq = 0
  let sent = 0
  const ends: string[] = []
  await fc.assert(
    fc.asyncProperty(fc.array(attack, { minLength: 3, maxLength: 6 }), async (attacks) => {
      const attackers: Client[] = []
      for (const { beginning, messages } of attacks) {
        const attacker = connect(relay)
        attackers.push(attacker)
        if (beginning.length > 0) attacker.say(...beginning)
        for (const message of messages) {
          if (attacker.closed === undefined) sent += 1
          attacker.sayBytes(message)
        }
      }
      seq += 1
      a.send([record(ann, seq)])
      b.send([record(bob, seq)])
      const mine = (client: Client, writer: string): number =>
        client.all('acknowledgement').filter((ack) => ack.writer === writer).length
      await until(() => mine(a, ann) === seq && mine(b, bob) === seq, 'the honest pair is acknowledged')
      await turns(3)
      for (const attacker of attackers) {
        if (attacker.closed === undefined) attacker.drop()
        else ends.push(attacker.closed.reason)
      }
    }),
    { seed, numRuns },
  )
  await until(() => relay.load.sessions === 2)
  expect(defects).toEqual([])
  expect([a.closed, b.closed, a.all('failure'), b.all('failure')]).toEqual([undefined, undefined, [], []])

  // Both heard all of it once and in order, and what they heard is what is stored.
  await until(() => told(a).length === told(b).length)
  const { head } = (await storage.space('board'))!
  expect(told(a).length).toBe(head)
  expect(head).toBeGreaterThan(2 * seq)
  const late = await join(relay, 'board')
  await until(() => told(late).length === head)
  const stored = told(late)
  for (const [client, own] of [
    [a, ann],
    [b, bob],
  ] as const) {
    const differing = told(client).filter(
      (item, i) => typeof item !== 'string' && Buffer.compare(item, stored[i] as Uint8Array) !== 0,
    )
    expect(differing).toEqual([])
    expect(told(client).filter((item) => typeof item === 'string')).toEqual(
      Array.from({ length: seq }, (_, i) => `${own}:${i + 1}`),
    )
  }
  return { sent, ends }
}

test('[RL27] whatever anybody says, nothing throws and an honest pair goes on as if alone', async () => {
  // Whoever attacks is told the whole log first. So there are several: one that has heard all of it tells each more than they say.
  const worlds = []
  for (let seed = 0; seed < 6; seed++) worlds.push(await attackOne(20_261_124 + seed, 200))
  expect(worlds.reduce((sum, { sent }) => sum + sent, 0)).toBeGreaterThan(5000)
  expect(new Set(worlds.flatMap(({ ends }) => ends))).toEqual(new Set(['malformed', 'protocol-version']))
}, 60_000)
