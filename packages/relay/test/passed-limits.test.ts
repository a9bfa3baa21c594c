import { encodeFrames, type Frame } from '@syncline/protocol'
import { emptyBasis } from '@syncline/stm'
import { expect, test } from 'vitest'
import type { AuditEvent, LimitName, RelayLimits } from '../src/index.ts'
import {
  ann,
  connect,
  join,
  record,
  startMs,
  told,
  turns,
  until,
  world,
  writerId,
  type Client,
  type VirtualClock,
} from './kit.ts'

/** What is tried, in a relay with the limit, `more` past it: 0 or 1. */
interface Try {
  readonly limits: Partial<RelayLimits>
  /** What its client hears when it is too much. */
  readonly code: string
  /** The code with which the connection is closed; undefined where it lives on. */
  readonly closes?: number
  act(client: Client, more: number, clock: VirtualClock): Promise<void> | void
}

const basis = (writers: number) => ({
  ...emptyBasis,
  writers: new Map(Array.from({ length: writers }, (_, i) => [writerId(i + 1), 0])),
})
const shown = (bytes: number, slot = 1): Frame => ({
  type: 'presence',
  channel: 1,
  session: ann,
  slot,
  payload: new Uint8Array(bytes),
})
const messageOf = (frame: Frame): Uint8Array => encodeFrames([frame], 1024 * 1024)[0]!
const bareRecord = record(ann, 1, { payload: '' }).length

const tries: Partial<Record<LimitName, Try>> = {
  maxMessageBytes: {
    limits: { maxMessageBytes: 2000 },
    code: 'too-large',
    closes: 1009,
    act: (client, more) => {
      const bare = messageOf(shown(500)).length - 500
      client.sayBytes(messageOf(shown(2000 - bare + more)))
    },
  },
  maxChangeBytes: {
    limits: { maxChangeBytes: bareRecord + 100 },
    code: 'too-large',
    act: async (client, more) => {
      client.send([record(ann, 1, { payload: 'x'.repeat(100 + more) })])
      await until(() => told(client).length + client.all('refusal').length === 1)
    },
  },
  maxAheadMs: {
    limits: { maxAheadMs: 1000 },
    code: 'clock-ahead',
    act: async (client, more) => {
      client.send([record(ann, 1, { at: (startMs + 1000) * 1000 + more })])
      await until(() => told(client).length + client.all('refusal').length === 1)
    },
  },
  silenceTimeoutMs: {
    limits: { silenceTimeoutMs: 5000 },
    code: 'too-busy',
    closes: 1013,
    act: (_, more, clock) => clock.advance(4999 + more),
  },
  maxChannels: {
    limits: { maxChannels: 3 },
    code: 'forbidden',
    act: async (client, more) => {
      for (let channel = 2; channel <= 3 + more; channel++) client.open(`space ${channel}`, { channel })
      await until(() => client.all('basis').length === 3 && client.all('failure').length === more)
    },
  },
  maxNamedWriters: {
    limits: { maxNamedWriters: 3 },
    code: 'forbidden',
    act: async (client, more) => {
      client.open('another', { channel: 2, basis: basis(3 + more) })
      await until(() => client.all('basis').length === 2 || client.all('failure').length === 1)
    },
  },
  maxNamedClients: {
    limits: { maxNamedClients: 2 },
    code: 'too-large',
    act: async (client, more) => {
      client.send([record(ann, 1, { documents: Array.from({ length: 2 + more }, (_, i) => i + 1) })])
      await until(() => told(client).length + client.all('refusal').length === 1)
    },
  },
  maxPresenceBytes: {
    limits: { maxPresenceBytes: 100 },
    code: 'too-large',
    act: (client, more) => client.say(shown(100 + more)),
  },
  maxPresenceSlots: {
    limits: { maxPresenceSlots: 2 },
    code: 'too-busy',
    act: (client, more) => client.say(...Array.from({ length: 2 + more }, (_, slot) => shown(1, slot + 1))),
  },
  maxMessagesPerSecond: {
    limits: { maxMessagesPerSecond: 10 },
    code: 'too-busy',
    closes: 1013,
    // Hello and open were two of twenty.
    act: (client, more) => {
      for (let token = 0; token < 18 + more; token++) client.say({ type: 'ping', token })
    },
  },
}

for (const [name, { limits, code, closes, act }] of Object.entries(tries)) {
  test(`[RL88] ${name}: what reaches it is taken; one more is told ${code}, and counted`, async () => {
    for (const more of [0, 1]) {
      const events: AuditEvent[] = []
      const { relay, clock } = world({ limits, onAudit: (event) => events.push(event) })
      const client = await join(relay, 'board')
      await act(client, more, clock)
      await turns()
      const passed = events.filter(({ limit }) => limit !== undefined)
      const heard = [...client.all('failure'), ...client.all('refusal')]
      const isPassed = more === 1
      expect(passed.map(({ limit, outcome }) => [limit, outcome])).toEqual(isPassed ? [[name, code]] : [])
      expect(heard.map((frame) => frame.code)).toEqual(isPassed ? [code] : [])
      expect(client.closed?.code).toBe(isPassed ? closes : undefined)
      await relay.close()
    }
  })
}

test('[RL88] helloTimeoutMs: who says hello in time is taken; a moment later is told so, and counted', async () => {
  for (const isLate of [false, true]) {
    const events: AuditEvent[] = []
    const { relay, clock } = world({ limits: { helloTimeoutMs: 1000 }, onAudit: (event) => events.push(event) })
    const client = connect(relay)
    clock.advance(isLate ? 1000 : 999)
    if (!isLate) client.hello()
    await turns()
    expect(events).toMatchObject([
      isLate
        ? { what: 'login', outcome: 'unauthenticated', limit: 'helloTimeoutMs' }
        : { what: 'login', outcome: 'ok' },
    ])
    expect(client.closed?.code).toBe(isLate ? 4401 : undefined)
    await relay.close()
  }
})

test('[RL18] the name of a space may have 200 characters and not one more, and none that cannot be seen', async () => {
  const names: readonly (readonly [name: string, isTaken: boolean])[] = [
    ['x'.repeat(200), true],
    ['x'.repeat(201), false],
    ['', false],
    ['a\u0000b', false],
    ['a\nb', false],
    ['a\u2028b', false],
    ['../up', true],
    ['é ü 💾', true],
  ]
  for (const [name, isTaken] of names) {
    const { relay } = world()
    const client = connect(relay)
    client.hello()
    client.open(name)
    await until(() => client.all('basis').length + client.all('failure').length === 1)
    expect([name, client.all('failure').map((frame) => frame.code)]).toEqual([name, isTaken ? [] : ['malformed']])
    await relay.close()
  }
})

test('[RL88] what cannot be a limit is refused at once, by its name', () => {
  for (const limits of [
    { maxRooms: -1 },
    { maxChannels: 1.5 },
    { maxMessageBytes: 1023 },
    { maxChangeBytes: 2 ** 24 + 1 },
  ]) {
    const [name, value] = Object.entries(limits)[0]!
    expect(() => world({ limits })).toThrow(`The limit ${name} is ${value}; it must be a whole number from`)
  }
})
