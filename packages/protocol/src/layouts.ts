import { readBasis, readWriters, writeBasis, writeWriters } from './basis.ts'
import { MIN_CHANGE_BYTES } from './change.ts'
import { ProtocolError } from './errors.ts'
import type { Frame } from './frame.ts'
import {
  MAX_ACKNOWLEDGED,
  MAX_CHANGE_BYTES,
  MAX_PACKET_FRAMES,
  MAX_ROLL_SPACES,
  MIN_MESSAGE_BYTES,
  PROTOCOL_VERSION,
} from './limits.ts'
import { MARK_BYTES } from './marks.ts'
import { readNames, writeNames } from './names.ts'
import { ByteReader } from './reader.ts'
import { ByteWriter } from './writer.ts'

/** How the frames of one type lie in bytes. */
interface Layout<F extends Frame> {
  /** The number that stands for the type. Never used again for another. */
  readonly number: number
  /** What the channel must be: 0, above 0, or either. */
  readonly channel: 'none' | 'one' | 'any'
  write(out: ByteWriter, frame: F): void
  read(input: ByteReader, channel: number): F
}

type FrameOf<T extends Frame['type']> = Extract<Frame, { readonly type: T }>

/** That of a frame which says all by its type. */
function wordless<T extends 'leave' | 'unnamed' | 'stand' | 'singly'>(type: T, number: number): Layout<FrameOf<T>> {
  // The compiler cannot see that an object with this type is the frame of it.
  const frameOn = (channel: number): FrameOf<T> => ({ type, channel }) as FrameOf<T>
  return { number, channel: 'one', write() {}, read: (_input, channel) => frameOn(channel) }
}

const layouts: { readonly [T in Frame['type']]: Layout<FrameOf<T>> } = {
  hello: {
    number: 1,
    channel: 'none',
    write(out, frame) {
      if (frame.oldest > frame.protocol) throw out.unfit(`${frame.oldest} as oldest, above protocol ${frame.protocol}`)
      out.varuint(positive(out, frame.protocol, 'a protocol version'))
      out.varuint(positive(out, frame.oldest, 'a protocol version'))
      out.string(frame.agent)
      out.varuint(frame.schema)
      out.bytes(frame.credential)
    },
    read(input) {
      const protocol = input.positive('a protocol version')
      const oldest = input.positive('a protocol version')
      if (oldest > protocol) throw input.malformed(`${oldest} as oldest, above protocol ${protocol}`)
      const agent = input.string()
      const schema = input.varuint()
      const credential = input.bytes()
      // A newer client may say more; it must still be told that it is too new, so its hello can always be read this far.
      if (protocol > PROTOCOL_VERSION) input.skip(input.left)
      return { type: 'hello', protocol, oldest, agent, schema, credential }
    },
  },
  welcome: {
    number: 2,
    channel: 'none',
    write(out, frame) {
      if (frame.maxMessageBytes < MIN_MESSAGE_BYTES) throw out.unfit(`${frame.maxMessageBytes} as maxMessageBytes`)
      out.varuint(positive(out, frame.protocol, 'a protocol version'))
      out.varuint(frame.timeMs)
      out.id(frame.session)
      out.varuint(frame.maxMessageBytes)
      out.varuint(frame.maxChangeBytes)
    },
    read(input) {
      const protocol = input.positive('a protocol version')
      const timeMs = input.varuint()
      const session = input.id()
      const maxMessageBytes = input.varuint()
      if (maxMessageBytes < MIN_MESSAGE_BYTES) throw input.malformed(`${maxMessageBytes} as maxMessageBytes`)
      return { type: 'welcome', protocol, timeMs, session, maxMessageBytes, maxChangeBytes: input.varuint() }
    },
  },
  open: {
    number: 3,
    channel: 'one',
    write(out, frame) {
      out.string(frame.space)
      writeBasis(out, frame.basis)
    },
    read(input, channel) {
      return { type: 'open', channel, space: input.string(), basis: readBasis(input) }
    },
  },
  basis: {
    number: 4,
    channel: 'one',
    write(out, frame) {
      out.varuint(frame.head)
      writeWriters(out, frame.writers)
    },
    read(input, channel) {
      return { type: 'basis', channel, head: input.varuint(), writers: readWriters(input) }
    },
  },
  changes: {
    number: 5,
    channel: 'one',
    write(out, frame) {
      if (frame.records.length === 0) throw out.unfit('no record, where there must be one')
      lastOf(out, frame.first, frame.records.length)
      out.varuint(frame.first)
      out.varuint(frame.records.length)
      for (const record of frame.records) {
        if (!isRecordLength(record.length)) throw out.unfit(`a record of ${record.length} bytes`)
        out.bytes(record)
      }
    },
    read(input, channel) {
      const first = input.varuint()
      const count = input.some('record', MIN_CHANGE_BYTES + 1)
      lastOf(input, first, count)
      const records: Uint8Array[] = []
      for (let left = count; left > 0; left--) {
        const record = input.bytes()
        if (!isRecordLength(record.length)) throw input.malformed(`a record of ${record.length} bytes`)
        records.push(record)
      }
      return { type: 'changes', channel, first, records }
    },
  },
  acknowledgement: {
    number: 6,
    channel: 'one',
    write(out, frame) {
      lastOf(out, frame.first, frame.count)
      lastOf(out, frame.firstSeq, frame.count)
      if (frame.count > MAX_ACKNOWLEDGED) throw out.unfit(`${frame.count} Changes at once, above ${MAX_ACKNOWLEDGED}`)
      out.varuint(positive(out, frame.first, 'a relaySeq'))
      out.id(frame.writer)
      out.varuint(positive(out, frame.firstSeq, 'a seq'))
      out.varuint(positive(out, frame.count, 'a count'))
    },
    read(input, channel) {
      const first = input.positive('a relaySeq')
      const writer = input.id()
      const firstSeq = input.positive('a seq')
      const count = input.positive('a count')
      lastOf(input, first, count)
      lastOf(input, firstSeq, count)
      if (count > MAX_ACKNOWLEDGED) throw input.malformed(`${count} Changes at once, above ${MAX_ACKNOWLEDGED}`)
      return { type: 'acknowledgement', channel, first, writer, firstSeq, count }
    },
  },
  refusal: {
    number: 7,
    channel: 'one',
    write(out, frame) {
      out.id(frame.writer)
      out.varuint(positive(out, frame.seq, 'a seq'))
      out.string(frame.code)
      out.string(frame.message)
    },
    read(input, channel) {
      const writer = input.id()
      const seq = input.positive('a seq')
      return { type: 'refusal', channel, writer, seq, code: input.string(), message: input.string() }
    },
  },
  presence: {
    number: 8,
    channel: 'one',
    write(out, frame) {
      out.id(frame.session)
      out.varuint(frame.slot)
      out.bytes(frame.payload)
    },
    read(input, channel) {
      return { type: 'presence', channel, session: input.id(), slot: input.varuint(), payload: input.bytes() }
    },
  },
  failure: {
    number: 9,
    channel: 'any',
    write(out, frame) {
      out.string(frame.code)
      out.string(frame.message)
      out.varuint(frame.retryAfterMs)
    },
    read(input, channel) {
      return { type: 'failure', channel, code: input.string(), message: input.string(), retryAfterMs: input.varuint() }
    },
  },
  leave: wordless('leave', 10),
  ping: {
    number: 11,
    channel: 'none',
    write(out, frame) {
      out.varuint(frame.token)
    },
    read(input) {
      return { type: 'ping', token: input.varuint() }
    },
  },
  pong: {
    number: 12,
    channel: 'none',
    write(out, frame) {
      out.varuint(frame.token)
    },
    read(input) {
      return { type: 'pong', token: input.varuint() }
    },
  },
  abort: {
    number: 13,
    channel: 'one',
    write(out, frame) {
      out.id(frame.writer)
      out.varuint(positive(out, frame.seq, 'a seq'))
    },
    read(input, channel) {
      return { type: 'abort', channel, writer: input.id(), seq: input.positive('a seq') }
    },
  },
  epoch: {
    number: 14,
    channel: 'one',
    write(out, frame) {
      out.id(frame.epoch)
    },
    read(input, channel) {
      return { type: 'epoch', channel, epoch: input.id() }
    },
  },
  newcomer: {
    number: 15,
    channel: 'one',
    write() {},
    read(_input, channel) {
      return { type: 'newcomer', channel }
    },
  },
  checkpoint: {
    number: 16,
    channel: 'one',
    write(out, frame) {
      if (frame.piece.length === 0) throw out.unfit('a piece of no bytes')
      out.byte(frame.isLast ? 1 : 0)
      out.bytes(frame.piece)
    },
    read(input, channel) {
      const last = input.byte()
      if (last > 1) throw input.malformed(`${last} where 1 says that it is the last piece`)
      const piece = input.bytes()
      if (piece.length === 0) throw input.malformed('a piece of no bytes')
      return { type: 'checkpoint', channel, isLast: last === 1, piece }
    },
  },
  apart: {
    number: 17,
    channel: 'one',
    write(out, frame) {
      out.varuint(frame.relaySeq)
      out.byte(frame.isTurn ? 1 : 0)
    },
    read(input, channel) {
      const relaySeq = input.varuint()
      const turn = input.byte()
      if (turn > 1) throw input.malformed(`${turn} where 1 says that it is its turn`)
      return { type: 'apart', channel, relaySeq, isTurn: turn === 1 }
    },
  },
  join: {
    number: 18,
    channel: 'one',
    write(out, frame) {
      if (frame.last < frame.first) throw out.unfit(`${frame.last} as the last piece, before ${frame.first}`)
      out.id(frame.epoch)
      out.varuint(positive(out, frame.first, 'a relaySeq'))
      out.varuint(frame.last)
    },
    read(input, channel) {
      const epoch = input.id()
      const first = input.positive('a relaySeq')
      const last = input.varuint()
      if (last < first) throw input.malformed(`${last} as the last piece, before ${first}`)
      return { type: 'join', channel, epoch, first, last }
    },
  },
  rolls: {
    number: 40,
    channel: 'none',
    write(out, frame) {
      if (frame.most < frame.least) throw out.unfit(`${frame.most} as most, below ${frame.least} as least`)
      out.varuint(positive(out, frame.least, 'a number of spaces'))
      out.varuint(frame.most)
    },
    read(input) {
      const least = input.positive('a number of spaces')
      const most = input.varuint()
      if (most < least) throw input.malformed(`${most} as most, below ${least} as least`)
      return { type: 'rolls', least, most }
    },
  },
  roll: {
    number: 41,
    channel: 'one',
    write(out, frame) {
      if (frame.root.length !== MARK_BYTES) throw out.unfit(`a root of ${frame.root.length} bytes`)
      out.id(frame.roll)
      out.varuint(positive(out, frame.count, 'a number of spaces'))
      out.raw(frame.root)
    },
    read(input, channel) {
      const roll = input.id()
      const count = input.positive('a number of spaces')
      return { type: 'roll', channel, roll, count, root: input.raw(MARK_BYTES) }
    },
  },
  unnamed: wordless('unnamed', 42),
  names: {
    number: 43,
    channel: 'one',
    write(out, frame) {
      writeNames(out, frame.names)
    },
    read(input, channel) {
      return { type: 'names', channel, names: readNames(input) }
    },
  },
  marks: {
    number: 44,
    channel: 'one',
    write(out, frame) {
      const { length } = frame.marks
      if (length === 0 || length % MARK_BYTES > 0) throw out.unfit(`marks of ${length} bytes together`)
      out.raw(frame.marks)
    },
    read(input, channel) {
      const { left } = input
      if (left === 0 || left % MARK_BYTES > 0) throw input.malformed(`marks of ${left} bytes together`)
      return { type: 'marks', channel, marks: input.raw(left) }
    },
  },
  below: {
    number: 45,
    channel: 'one',
    write(out, frame) {
      if (frame.nodes.length === 0) throw out.unfit('no mark, where there must be one')
      out.varuint(positive(out, frame.level, 'a level'))
      let next = 0
      for (const node of frame.nodes) {
        if (node < next) throw out.unfit(`the mark ${node} out of order`)
        out.varuint(node - next)
        next = node + 1
      }
    },
    read(input, channel) {
      const level = input.positive('a level')
      const nodes: number[] = []
      if (input.left === 0) throw input.malformed('no mark, where there must be one')
      for (let next = 0; input.left > 0; next = nodes.at(-1)! + 1) {
        const node = next + input.varuint()
        if (node > MAX_ROLL_SPACES) throw input.malformed(`a mark ${node}, above ${MAX_ROLL_SPACES}`)
        nodes.push(node)
      }
      return { type: 'below', channel, level, nodes }
    },
  },
  stand: wordless('stand', 46),
  singly: wordless('singly', 47),
  sent: {
    number: 48,
    channel: 'none',
    write(out, frame) {
      out.varuint(frame.bytes)
    },
    read(input) {
      return { type: 'sent', bytes: input.varuint() }
    },
  },
  expires: {
    number: 49,
    channel: 'none',
    write(out, frame) {
      out.varuint(frame.inMs)
    },
    read(input) {
      return { type: 'expires', inMs: input.varuint() }
    },
  },
  credential: {
    number: 50,
    channel: 'none',
    write(out, frame) {
      out.bytes(frame.credential)
    },
    read(input) {
      return { type: 'credential', credential: input.bytes() }
    },
  },
}

const typeOfNumber: ReadonlyMap<number, Frame['type']> = new Map(
  Object.entries(layouts).map(([type, layout]) => [layout.number, type as Frame['type']]),
)

/**
 * The part of a frame that comes after its channel: the same for all receivers, whatever channel each has given the space.
 * Throws `ProtocolError` `malformed` for what has no place in a frame.
 *
 * @example
 * import { createFrameReader, encodeFrameBody, frameFromBody, packFrames } from '@syncline/protocol'
 *
 * const body = encodeFrameBody({ type: 'failure', channel: 1, code: 'stopping', message: 'Back soon.', retryAfterMs: 500 })
 * const [message] = packFrames([frameFromBody('failure', 7, body)], 1024)
 * expect(createFrameReader({ maxPacketBytes: 1024 }).push(message!)).toEqual([
 *   { type: 'failure', channel: 7, code: 'stopping', message: 'Back soon.', retryAfterMs: 500 },
 * ])
 */
export function encodeFrameBody(frame: Frame): Uint8Array {
  const out = new ByteWriter(`${frame.type} frame`)
  layoutOf(frame).write(out, frame)
  return out.finish()
}

/** The bytes of a frame, made from a body that `encodeFrameBody` gave for the same type. Cost: one copy. */
export function frameFromBody(type: Frame['type'], channel: number, body: Uint8Array): Uint8Array {
  const head = new ByteWriter(`${type} frame`)
  writeHead(head, type, channel, body.length)
  const frame = new Uint8Array(head.length + body.length)
  frame.set(head.view())
  frame.set(body, head.length)
  head.release()
  return frame
}

/** The bytes of a frame. Short ones lie beside others in one buffer. */
export function encodeFrame(frame: Frame): Uint8Array {
  const { type } = frame
  const channel = 'channel' in frame ? frame.channel : 0
  const out = new ByteWriter(`${type} frame`)
  const layout = layoutOf(frame)
  if (!fits(layout, channel)) throw out.unfit(`${channel} as its channel`)
  out.varuint(layout.number)
  const begun = out.begin()
  out.varuint(channel)
  layout.write(out, frame)
  out.end(begun)
  return out.finishBeside()
}

/** All frames of a packet, in order, without those of a type this version does not know. When it is `lending`, what is bytes in them are views. */
export function readFrames(bytes: Uint8Array, start: number, end: number, isLending: boolean | undefined): Frame[] {
  const input = new ByteReader('packet', bytes, start, end, isLending === true ? 0 : undefined)
  const frames: Frame[] = []
  for (let count = 1; input.left > 0; count++) {
    if (count > MAX_PACKET_FRAMES) {
      throw new ProtocolError(
        'too-large',
        `A packet has more than ${MAX_PACKET_FRAMES} frames. Send them in several messages.`,
      )
    }
    const number = input.varuint()
    const type = typeOfNumber.get(number)
    const length = input.count(1)
    if (type === undefined) {
      input.skip(length)
      continue
    }
    const fields = input.part(`${type} frame`, length)
    const channel = fields.varuint()
    const layout = layouts[type]
    if (!fits(layout, channel)) throw fields.malformed(`${channel} as its channel`)
    frames.push(layout.read(fields, channel))
    fields.done()
  }
  return frames
}

function writeHead(out: ByteWriter, type: Frame['type'], channel: number, bodyLength: number): void {
  const layout = layouts[type]
  if (!fits(layout, channel)) throw out.unfit(`${channel} as its channel`)
  const head = new ByteWriter(`${type} frame`)
  head.varuint(channel)
  out.varuint(layout.number)
  out.varuint(head.length + bodyLength)
  out.raw(head.view())
  head.release()
}

function layoutOf<T extends Frame['type']>(frame: FrameOf<T>): Layout<FrameOf<T>> {
  // The table gives the layout of this very type; the compiler cannot follow the key through the union.
  const layout = layouts[frame.type] as unknown as Layout<FrameOf<T>> | undefined
  if (layout === undefined)
    throw new ProtocolError('malformed', `"${frame.type}" is not a type of frame. Update @syncline/protocol.`)
  return layout
}

function fits(layout: { readonly channel: 'none' | 'one' | 'any' }, channel: number): boolean {
  return layout.channel === 'any' || (layout.channel === 'none') === (channel === 0)
}

function isRecordLength(length: number): boolean {
  return length >= MIN_CHANGE_BYTES && length <= MAX_CHANGE_BYTES
}

function positive(out: ByteWriter, value: number, what: string): number {
  if (value === 0) throw out.unfit(`0 as ${what}, which counts from 1`)
  return value
}

/** `count` numbers from `first` on must all be numbers that can be written. */
function lastOf(where: ByteReader | ByteWriter, first: number, count: number): void {
  // Not by adding, which rounds out there.
  if (first <= Number.MAX_SAFE_INTEGER - (count - 1)) return
  const found = `${count} numbers from ${first} on, which go beyond 2^53 - 1`
  throw where instanceof ByteReader ? where.malformed(found) : where.unfit(found)
}
