import { createFrameReader, encodeChange, encodeFrames, MAX_PACKET_BYTES, type Frame } from '@syncline/protocol'
import { createRelay, type LogStorage, type Relay, type RelayLimits, type SpaceAppend } from '@syncline/relay'
import { emptyBasis, type Epoch } from '@syncline/stm'
import { lineOver, type LineChannel, type LineMember } from '../src/line.ts'
import type { Transport } from '../src/index.ts'
import { seededChance, settle, virtualClock, type VirtualClock } from './world.ts'

/** Where somebody stands in the log of a space. */
export interface Standing {
  readonly epoch: Epoch | null
  readonly relaySeq: number
}

/** One who follows a space and keeps nothing but how far. */
export interface Reader {
  readonly space: string
  standing: Standing
  isOpen: boolean
  readonly failures: string[]
  readonly channel: LineChannel
}

/** Bytes of messages and what they say, since somebody last asked. */
export interface Traffic {
  readonly up: number
  readonly down: number
  readonly frames: readonly Frame[]
}

/** A relay, and one line on which many spaces are followed. */
export interface ManySpaces {
  readonly clock: VirtualClock
  readonly relay: Relay
  readonly readers: Map<string, Reader>
  /** Joins the line for a space, from a standing. */
  read(space: string, standing?: Standing): Reader
  /** Breaks the connection; it comes back when time passes. */
  cut(): void
  /** Lets the line come up and say what it has to say. */
  comeBack(): Promise<void>
  /** What has gone over the wire since this was last asked. */
  traffic(): Traffic
  /** Another client writes a Change to a space. */
  write(space: string): Promise<void>
  restartRelay(): void
  /** What each frame of the line is changed to, on its way to the relay or from it. */
  tamper: ((direction: 'up' | 'down', frame: Frame) => readonly Frame[]) | undefined
}

export const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `team/board-${i}`)

export function manySpaces(storage: LogStorage, limits: Partial<RelayLimits> = {}, seed = 1): ManySpaces {
  const clock = virtualClock()
  const chance = seededChance(seed)
  const make = (): Relay => createRelay({ storage, clock, chance, limits })
  let relay = make()
  let breakOff: (() => void) | undefined
  let traffic = { up: 0, down: 0, frames: [] as Frame[] }
  const seqs = new Map<string, number>()

  /** A message as it arrives, which is another one where somebody tampers with it. */
  function passing(direction: 'up' | 'down'): (message: Uint8Array) => Uint8Array[] {
    const reader = createFrameReader({ maxPacketBytes: MAX_PACKET_BYTES })
    return (message) => {
      const frames = reader.push(message)
      traffic[direction] += message.length
      traffic.frames.push(...frames)
      if (many.tamper === undefined) return [message.slice()]
      return encodeFrames(
        frames.flatMap((frame) => many.tamper!(direction, frame)),
        1024 * 1024,
      )
    }
  }

  const transport: Transport = {
    connect(events) {
      const [up, down] = [passing('up'), passing('down')]
      let isOver = false
      let side: ReturnType<Relay['accept']> | undefined
      const end = (code: number, reason: string): void => {
        if (isOver) return
        isOver = true
        side?.onClose()
        events.onClose(code, reason)
      }
      breakOff = () => end(1006, '')
      const later = (fn: () => void): void => void setImmediate(() => isOver || fn())
      later(() => {
        side = relay.accept({
          bufferedBytes: 0,
          send: (message) => {
            for (const each of down(message)) later(() => events.onMessage(each))
          },
          close: (code, reason) => later(() => end(code, reason)),
        })
        events.onOpen()
      })
      return {
        bufferedBytes: 0,
        send: (message) => {
          for (const each of up(message)) later(() => side?.onMessage(each))
        },
        close: (code = 1000, reason = '') => later(() => end(code, reason)),
      }
    },
  }
  const line = lineOver(transport, { clock, chance, agent: 'test', schema: 1, credential: () => new Uint8Array(0) })

  function read(space: string, standing: Standing = emptyBasis): Reader {
    const member: LineMember = {
      onUp: () =>
        reader.channel.open({
          basis: { ...emptyBasis, ...reader.standing },
          seenSeq: reader.standing.relaySeq,
          isNew: false,
        }),
      onDown: () => (reader.isOpen = false),
      onState: () => undefined,
      onFrame(frame) {
        const { epoch, relaySeq } = reader.standing
        if (frame.type === 'basis') reader.isOpen = true
        else if (frame.type === 'epoch') reader.standing = { epoch: frame.epoch, relaySeq }
        else if (frame.type === 'failure') reader.failures.push(frame.code)
        else if (frame.type === 'changes') {
          if (!reader.isOpen || frame.first !== relaySeq + 1)
            throw new Error(`${space} was told Change ${frame.first} after ${relaySeq}`)
          reader.standing = { epoch, relaySeq: relaySeq + frame.records.length }
        }
      },
    }
    const reader: Reader = { space, standing, isOpen: false, failures: [], channel: line.join(space, member) }
    many.readers.set(space, reader)
    return reader
  }

  const many: ManySpaces = {
    clock,
    get relay() {
      return relay
    },
    readers: new Map(),
    read,
    cut: () => breakOff?.(),
    async comeBack() {
      await clock.pass(1_000)
      for (let turn = 0; turn < 20; turn++) await settle()
    },
    traffic() {
      const since = traffic
      traffic = { up: 0, down: 0, frames: [] }
      return since
    },
    async write(space) {
      const seq = (seqs.get(space) ?? 0) + 1
      seqs.set(space, seq)
      const writer = seededWriter(space)
      const reader = createFrameReader({ maxPacketBytes: MAX_PACKET_BYTES })
      let isStored = false
      const side = relay.accept({
        bufferedBytes: 0,
        send(message) {
          if (reader.push(message).some(({ type }) => type === 'acknowledgement')) isStored = true
        },
        close: () => undefined,
      })
      const op = { tag: 'lww', address: 'title', arbiter: 'local', payload: [0, seq] } as const
      const at = clock.nowMs() * 1000
      const record = encodeChange({ writer, seq, deps: emptyBasis, at, ops: [op], effects: [], meta: null })
      const frames: Frame[] = [
        { type: 'hello', protocol: 1, oldest: 1, agent: 'writer', schema: 1, credential: new Uint8Array(0) },
        { type: 'open', channel: 1, space, basis: emptyBasis },
        { type: 'changes', channel: 1, first: 0, records: [record] },
      ]
      for (const message of encodeFrames(frames, 65_536)) side.onMessage(message)
      while (!isStored) await settle()
      side.onClose()
    },
    restartRelay() {
      breakOff?.()
      relay = make()
    },
    tamper: undefined,
  }
  return many
}

/** A writer of its own for each space. */
function seededWriter(space: string): string {
  return Buffer.from(
    seededChance(Buffer.from(space).reduce((sum, byte) => (31 * sum + byte) | 0, 7)).bytes(16),
  ).toString('hex')
}

/** What a space has when `count` Changes were written to it in an epoch, as a batch of a storage. */
export function stored(space: string, epoch: Epoch, count: number): SpaceAppend {
  const records = Array.from({ length: count }, (_, i) => {
    const op = { tag: 'lww', address: 'title', arbiter: 'local', payload: [0, i] } as const
    return encodeChange({
      writer: 'a'.repeat(32),
      seq: i + 1,
      deps: emptyBasis,
      at: i,
      ops: [op],
      effects: [],
      meta: null,
    })
  })
  const [writers, documents] = [new Map(), new Map()]
  return { space, epoch, follows: null, first: 1, records, latestAt: count, writers, documents }
}
