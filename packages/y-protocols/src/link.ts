import { randomBytes } from 'node:crypto'
import {
  concatenated,
  createFrameReader,
  decodeChange,
  decodeHeader,
  encodeChange,
  encodeFrames,
  MAX_PACKET_BYTES,
  PROTOCOL_VERSION,
} from '@syncline/protocol'
import type { ChangeHeader, Frame } from '@syncline/protocol'
import type { ConnectionEvents, Relay } from '@syncline/relay'
import type { Basis, DistilledCell, Epoch, Op, Value, WriterId } from '@syncline/stm'
import { cellsOfCheckpoint, cellsOfJoin } from './states.ts'

/** Where somebody is in the log of a space. */
export interface Standing {
  readonly epoch: Epoch | null
  readonly relaySeq: number
}

/** Why a link has ended. */
export interface LinkEnd {
  readonly code: string
  readonly message: string
}

/** What a link tells. */
export interface LinkEvents {
  /** What the log had when it was opened was told. */
  onCaughtUp(): void
  /** What refs hold by what stands for a stretch of the log: a checkpoint, or what was joined to it. It comes before what builds on it. */
  onCells(cells: readonly DistilledCell[]): void
  /** The next Change in the log, by somebody else. */
  onChange(header: ChangeHeader, record: Uint8Array): void
  /** All that it has authored up to this seq is durable. */
  onStored(seq: number): void
  /** This one, and what it has authored since, will not be in the log. */
  onRefused(seq: number, code: string, message: string): void
  /** The relay takes no more for the moment, or again. */
  onReading(isReading: boolean): void
  onEnd(end: LinkEnd): void
}

/** How one principal follows and writes a space of a relay in the same process: as any other client. */
export interface Link {
  readonly writer: WriterId
  readonly standing: Standing
  /** Authors a Change of somebody who has seen so much, and returns its seq. */
  author(ops: readonly Op[], meta: Value, seen: Standing, at: number): number
  /** Tells the relay that somebody is here. */
  ping(): void
  close(): void
}

const CHANNEL = 1
const nothing = new Uint8Array(0)

/** Opens one, behind `from`; with `isNewcomer` a checkpoint is taken in place of the log. */
export function openLink(
  relay: Relay,
  space: string,
  principal: string | undefined,
  from: Standing,
  isNewcomer: boolean,
  events: LinkEvents,
): Link {
  // Another one each time: what was authored and not stored is never authored again, for whoever wrote it still has it.
  const writer = randomBytes(16).toString('hex')
  const reader = createFrameReader({ maxPacketBytes: MAX_PACKET_BYTES })
  let { epoch, relaySeq } = from
  let head: number | undefined
  let isCaughtUp = false
  let seq = 0
  let maxMessageBytes = 64 * 1024
  let isEnded = false
  let checkpoint: Uint8Array[] = []
  /** Of a join, what its pieces say. */
  let joined: Uint8Array[] = []
  /** What the relay has said and was not looked at. */
  let heard: Uint8Array[] = []
  let heardBytes = 0

  const relayEvents: ConnectionEvents = relay.accept(
    {
      send(message) {
        // Not at once: the relay may be in the middle of something, and a long log is to leave others their turn.
        if (heard.length === 0) setImmediate(hearAll)
        heard.push(message)
        heardBytes += message.length
      },
      close(_code, reason) {
        setImmediate(() => {
          hearAll()
          relayEvents.onClose()
          end({ code: 'closed', message: reason })
        })
      },
      get bufferedBytes() {
        return heardBytes
      },
      setReading: (isReading) => isEnded || events.onReading(isReading),
    },
    '',
    principal,
  )
  const agent = 'syncline-y-protocols'
  say({ type: 'hello', protocol: PROTOCOL_VERSION, oldest: PROTOCOL_VERSION, agent, schema: 1, credential: nothing })
  const basis: Basis = { epoch, relaySeq, writers: new Map() }
  if (isNewcomer) say({ type: 'newcomer', channel: CHANNEL })
  say({ type: 'open', channel: CHANNEL, space, basis })

  function say(frame: Frame): void {
    for (const message of encodeFrames([frame], maxMessageBytes)) relayEvents.onMessage(message)
  }

  function hearAll(): void {
    const messages = heard
    heard = []
    heardBytes = 0
    for (const message of messages) for (const frame of reader.push(message)) if (!isEnded) hear(frame)
  }

  function hear(frame: Frame): void {
    switch (frame.type) {
      case 'welcome':
        ;({ maxMessageBytes } = frame)
        return
      case 'basis':
        ;({ head } = frame)
        return lookWhetherCaughtUp()
      case 'epoch':
        ;({ epoch } = frame)
        return
      case 'changes':
        frame.records.forEach((record, i) => {
          relaySeq = frame.first + i
          hearRecord(record)
        })
        return lookWhetherCaughtUp()
      case 'checkpoint': {
        checkpoint.push(frame.piece)
        if (!frame.isLast) return
        const found = cellsOfCheckpoint(concatenated(checkpoint))
        checkpoint = []
        ;({ epoch, relaySeq } = found)
        events.onCells(found.cells)
        return lookWhetherCaughtUp()
      }
      case 'acknowledgement':
        relaySeq = frame.first + frame.count - 1
        return events.onStored(frame.firstSeq + frame.count - 1)
      case 'refusal':
        return events.onRefused(frame.seq, frame.code, frame.message)
      case 'failure':
        return end(frame)
      case 'join':
        // Who has the log up to here would have to go back in it.
        if (isCaughtUp) return end({ code: 'joined', message: 'What the relay had lost was joined to this space.' })
        ;({ epoch } = frame)
        joined = []
        return
      case 'apart':
        return end({ code: 'joined', message: 'The relay has lost this space.' })
      case 'ping':
        return say({ type: 'pong', token: frame.token })
      default:
    }
  }

  function hearRecord(record: Uint8Array): void {
    const header = decodeHeader(record)
    const { join } = header
    if (join === undefined) return events.onChange(header, record)
    const { meta } = decodeChange(record)
    if (join.decided === undefined && meta instanceof Uint8Array) joined.push(meta)
    if (join.left > 0) return
    events.onCells(cellsOfJoin(concatenated(joined)))
    joined = []
  }

  function lookWhetherCaughtUp(): void {
    if (isCaughtUp || head === undefined || relaySeq < head) return
    isCaughtUp = true
    events.onCaughtUp()
  }

  function end(why: LinkEnd): void {
    if (isEnded) return
    isEnded = true
    events.onEnd({ code: why.code, message: why.message })
  }

  return {
    writer,
    get standing() {
      return { epoch, relaySeq }
    },
    author(ops, meta, seen, at) {
      seq += 1
      const deps = { ...seen, writers: new Map() }
      const record = encodeChange({ writer, seq, deps, at, ops, effects: [], meta })
      say({ type: 'changes', channel: CHANNEL, first: 0, records: [record] })
      return seq
    },
    ping: () => say({ type: 'ping', token: 1 }),
    close() {
      isEnded = true
      relayEvents.onClose()
    },
  }
}
