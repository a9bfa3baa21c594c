import { createFrameReader, encodeChange, encodeFrames, recordChecksum, type Frame } from '@syncline/protocol'
import { emptyBasis, type Arbiter, type Basis, type Change } from '@syncline/stm'
import {
  createMemoryStorage,
  createRelay,
  type Clock,
  type LogStorage,
  type Relay,
  type RelayOptions,
} from '../src/index.ts'

/** The virtual time at which every test starts. */
export const startMs = 1_700_000_000_000

/** A clock that stands still until it is told. */
export interface VirtualClock extends Clock {
  advance(ms: number): void
  readonly timers: number
}

export function virtualClock(): VirtualClock {
  let nowMs = startMs
  const timers = new Set<{ readonly at: number; readonly fn: () => void }>()
  return {
    nowMs: () => nowMs,
    get timers() {
      return timers.size
    },
    setTimer(delayMs, fn) {
      const timer = { at: nowMs + delayMs, fn }
      timers.add(timer)
      return () => void timers.delete(timer)
    },
    advance(ms) {
      const end = nowMs + ms
      for (;;) {
        const next = [...timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0]
        if (next === undefined) break
        timers.delete(next)
        nowMs = Math.max(nowMs, next.at)
        next.fn()
      }
      nowMs = end
    },
  }
}

/** A condition that has not come true by then never will: a relay in memory needs microseconds, and a busy machine perhaps seconds. */
const GIVE_UP_MS = 45_000

/** Lets everything run that is ready to run, again and again until `isSo`. */
export async function until(isSo: () => boolean, what: string = String(isSo)): Promise<void> {
  const giveUpAt = performance.now() + GIVE_UP_MS
  while (!isSo()) {
    if (performance.now() > giveUpAt) throw new Error(`This never came true: ${what}`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** Runs what is ready: as many turns as any exchange in memory needs, or until two of them asked for no other. */
export async function turns(count = 20): Promise<void> {
  for (let turn = 0, quiet = 0; turn < count && quiet < 2; turn++) {
    await new Promise((resolve) => setImmediate(resolve))
    quiet = process.getActiveResourcesInfo().includes('Immediate') ? 0 : quiet + 1
  }
}

export type FrameOf<T extends Frame['type']> = Extract<Frame, { readonly type: T }>

/** A client made of bytes: it says frames and keeps what it hears. */
export interface Client {
  readonly heard: Frame[]
  all<T extends Frame['type']>(type: T): FrameOf<T>[]
  last<T extends Frame['type']>(type: T): FrameOf<T>
  readonly messages: Uint8Array[]
  closed: { code: number; reason: string } | undefined
  /** What the network says is still on its way to this client. */
  bufferedBytes: number
  /** While set, `bufferedBytes` grows by all that is sent. */
  isStuck: boolean
  isRead: boolean
  say(...frames: Frame[]): void
  sayBytes(message: Uint8Array): void
  /** The client goes away. */
  drop(): void
  hello(protocol?: number): void
  open(space: string, options?: { channel?: number; basis?: Partial<Basis> }): void
  send(records: readonly Uint8Array[], channel?: number): void
}

export function connect(relay: Relay, principal?: string, address = ''): Client {
  const reader = createFrameReader({ maxPacketBytes: 64 * 1024 * 1024 })
  const client: Client = {
    heard: [],
    messages: [],
    all: (type) => client.heard.filter((frame): frame is FrameOf<typeof type> => frame.type === type),
    last(type) {
      const found = client.all(type).at(-1)
      if (found === undefined) throw new Error(`No ${type} among ${client.heard.map((frame) => frame.type).join(', ')}`)
      return found
    },
    closed: undefined,
    bufferedBytes: 0,
    isStuck: false,
    isRead: true,
    say: (...frames) => encodeFrames(frames, 1024 * 1024).forEach((message) => events.onMessage(message)),
    sayBytes: (message) => events.onMessage(message),
    drop: () => events.onClose(),
    hello: (protocol = 1) =>
      client.say({ type: 'hello', protocol, oldest: 1, agent: 'test', schema: 1, credential: new Uint8Array(0) }),
    open: (space, { channel = 1, basis = {} } = {}) =>
      client.say({ type: 'open', channel, space, basis: { ...emptyBasis, ...basis } }),
    send: (records, channel = 1) => client.say({ type: 'changes', channel, first: 0, records }),
  }
  const events = relay.accept(
    {
      send(message) {
        if (client.closed !== undefined) throw new Error('The relay sends on a closed connection')
        client.messages.push(message)
        if (client.isStuck) client.bufferedBytes += message.length
        client.heard.push(...reader.push(message))
      },
      close(code, reason) {
        if (client.closed !== undefined) throw new Error('The relay closes a connection twice')
        client.closed = { code, reason }
        events.onClose()
      },
      get bufferedBytes() {
        return client.bufferedBytes
      },
      setReading: (reading) => void (client.isRead = reading),
    },
    address,
    principal,
  )
  return client
}

/** A client that has said hello and follows `space`. */
export async function join(
  relay: Relay,
  space: string,
  options?: { channel?: number; basis?: Partial<Basis> },
): Promise<Client> {
  const client = connect(relay)
  client.hello()
  client.open(space, options)
  await until(() => client.all('basis').length + client.all('failure').length > 0, 'the relay answers to open')
  return client
}

export interface ChangeOptions {
  readonly deps?: Partial<Basis>
  readonly at?: number
  readonly payload?: string
  readonly arbiter?: Arbiter
  readonly address?: string
  /** The Yjs clients that its header names, and whose they were. */
  readonly documents?: readonly number[]
  readonly inherited?: readonly (readonly [client: number, owner: string])[]
}

export function change(writer: string, seq: number, options: ChangeOptions = {}): Change {
  const {
    deps = {},
    at = startMs * 1000,
    payload = `${writer.at(-1)}${seq}`,
    arbiter = 'local',
    address = 'title',
  } = options
  const ops = [{ tag: 'lww', address, arbiter, payload }]
  return { writer, seq, deps: { ...emptyBasis, ...deps }, at, ops, effects: [], meta: null }
}

export function record(writer: string, seq: number, options?: ChangeOptions): Uint8Array {
  const { documents, inherited } = options ?? {}
  return encodeChange(change(writer, seq, options), documents, undefined, new Map(inherited))
}

/** Records `from` to `to` of a writer. */
export function run(writer: string, from: number, to: number, options?: ChangeOptions): Uint8Array[] {
  return Array.from({ length: to - from + 1 }, (_, i) => record(writer, from + i, options))
}

export function writerId(number: number): string {
  return number.toString(16).padStart(32, '0')
}

export const ann: string = writerId(0xa)
export const bob: string = writerId(0xb)
export const eve: string = writerId(0xe)

/** What a client has been told of the log: for each relaySeq a record or, of its own, writer and seq. Throws on gaps and repeats. */
export function told(client: Client, after = 0, channel = 1): (Uint8Array | string)[] {
  const items: (Uint8Array | string)[] = []
  for (const frame of client.heard) {
    if (!('channel' in frame) || frame.channel !== channel) continue
    if (frame.type !== 'changes' && frame.type !== 'acknowledgement') continue
    if (frame.first !== after + items.length + 1) {
      throw new Error(`Told relaySeq ${frame.first} after ${after + items.length}`)
    }
    if (frame.type === 'changes') items.push(...frame.records)
    else for (let i = 0; i < frame.count; i++) items.push(`${frame.writer}:${frame.firstSeq + i}`)
  }
  return items
}

/** Short names for long records, so that comparing many of them costs little. */
export function sums(items: readonly (Uint8Array | string)[]): string[] {
  return items.map((item) => (typeof item === 'string' ? item : `${item.length}#${recordChecksum(item)}`))
}

export interface World {
  readonly relay: Relay
  readonly clock: VirtualClock
  readonly storage: LogStorage
}

/** Its time stands still, so nothing gathers for a batch unless that is asked for. */
export function world({ gatherMs = 0, ...options }: Partial<RelayOptions> & { gatherMs?: number } = {}): World {
  const clock = virtualClock()
  const storage = options.storage ?? createMemoryStorage()
  const still: LogStorage = Object.create(storage, { gatherMs: { value: gatherMs } })
  return { relay: createRelay({ clock, ...options, storage: still }), clock, storage }
}
