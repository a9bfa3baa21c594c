import { bytesBeside } from './beside.ts'
import { ProtocolError } from './errors.ts'
import type { Frame } from './frame.ts'
import { encodeFrame, readFrames } from './layouts.ts'
import { MAX_PACKET_BYTES, MAX_PACKET_FRAMES } from './limits.ts'

/** The first byte of a message. */
const WHOLE = 0
const PART = 1
const LAST_PART = 2

/**
 * Messages that say `frames` in order, ready to be sent, each of at most `maxMessageBytes`. Small frames share a message; a
 * frame that is longer is split into parts. Throws `ProtocolError` `too-large` for a frame above `MAX_PACKET_BYTES`.
 *
 * @example
 * import { createFrameReader, encodeFrames } from '@syncline/protocol'
 *
 * const messages = encodeFrames([{ type: 'ping', token: 1 }, { type: 'leave', channel: 3 }], 1024)
 * expect(messages).toHaveLength(1)
 * const reader = createFrameReader({ maxPacketBytes: 1024 })
 * expect(messages.flatMap((message) => reader.push(message))).toEqual([{ type: 'ping', token: 1 }, { type: 'leave', channel: 3 }])
 */
export function encodeFrames(frames: readonly Frame[], maxMessageBytes: number): Uint8Array[] {
  return packFrames(frames.map(encodeFrame), maxMessageBytes)
}

/** As `encodeFrames`, of frames that are bytes already. Short messages lie beside others in one buffer. */
export function packFrames(frames: readonly Uint8Array[], maxMessageBytes: number): Uint8Array[] {
  if (!(maxMessageBytes >= 2)) {
    throw new ProtocolError('malformed', `A message of ${maxMessageBytes} bytes can carry nothing. Allow 1024 or more.`)
  }
  const messages: Uint8Array[] = []
  const room = maxMessageBytes - 1
  /** Those from here on wait to share a message. */
  let from = 0
  let bytes = 0
  const flush = (to: number): void => {
    if (from < to) messages.push(messageOf(WHOLE, frames.slice(from, to)))
    from = to
    bytes = 0
  }
  for (let at = 0; at < frames.length; at++) {
    const { length } = frames[at]!
    if (bytes + length > room || at - from === MAX_PACKET_FRAMES) flush(at)
    if (length > room) {
      splitFrame(frames[at]!, room, messages)
      from = at + 1
    } else bytes += length
  }
  flush(frames.length)
  return messages
}

function messageOf(marker: number, parts: readonly Uint8Array[]): Uint8Array {
  const message = bytesBeside(parts.reduce((sum, { length }) => sum + length, 1))
  message[0] = marker
  let at = 1
  for (const part of parts) {
    message.set(part, at)
    at += part.length
  }
  return message
}

function splitFrame(frame: Uint8Array, room: number, messages: Uint8Array[]): void {
  if (frame.length > MAX_PACKET_BYTES) {
    throw new ProtocolError(
      'too-large',
      `A frame of ${frame.length} bytes is longer than the ${MAX_PACKET_BYTES} that a receiver puts together. Send its records in several frames.`,
    )
  }
  for (let at = 0; at < frame.length; at += room) {
    messages.push(messageOf(at + room < frame.length ? PART : LAST_PART, [frame.subarray(at, at + room)]))
  }
}

/** Turns the messages of one connection into frames. */
export interface FrameReader {
  /**
   * The frames that `message` completes, in order; none when it is a part and others are to come. Frames of unknown types are
   * left out. What the frames hold is independent of `message`, unless the reader is lending.
   *
   * Throws `ProtocolError`, and after that at every call: what follows faulty bytes cannot be trusted, so end the connection.
   */
  push(message: Uint8Array): Frame[]
}

/** How a reader reads. */
export interface FrameReaderOptions {
  readonly maxPacketBytes: number
  /**
   * Records and payloads are views of the messages they came in, which must not be written to again. For who is done with them soon: what is kept
   * of a message keeps all of it.
   */
  readonly isLending?: boolean
}

/** Makes the reader of one connection, which puts together packets of at most `maxPacketBytes`. It never holds more than twice what has arrived. */
export function createFrameReader({ maxPacketBytes, isLending }: FrameReaderOptions): FrameReader {
  return new MessageReader(maxPacketBytes, isLending)
}

const nothing = new Uint8Array(0)

/** A class, as each connection of a relay has one. */
class MessageReader implements FrameReader {
  readonly #maxPacketBytes: number
  readonly #isLending: boolean | undefined
  #parts: Uint8Array = nothing
  #partsLength = 0
  #failure: unknown

  constructor(maxPacketBytes: number, isLending: boolean | undefined) {
    this.#maxPacketBytes = maxPacketBytes
    this.#isLending = isLending
  }

  push(message: Uint8Array): Frame[] {
    if (this.#failure !== undefined) throw this.#failure
    try {
      return this.#read(message)
    } catch (error) {
      this.#failure = error
      this.#parts = nothing
      throw error
    }
  }

  #read(message: Uint8Array): Frame[] {
    if (message.length < 2) throw malformed(`A message of ${message.length} bytes says nothing.`)
    const marker = message[0]!
    if (marker > LAST_PART) throw malformed(`A message starts with ${marker}, where 0, 1 or 2 belongs.`)
    const length = (marker === WHOLE ? 0 : this.#partsLength) + message.length - 1
    if (length > this.#maxPacketBytes) {
      throw new ProtocolError(
        'too-large',
        `A packet of ${length} bytes or more is longer than the ${this.#maxPacketBytes} allowed. Send fewer Changes at a time, or smaller ones.`,
      )
    }
    // A whole message may come between two parts, so that a short word need not wait for a long one.
    if (marker === WHOLE) return readFrames(message, 1, message.length, this.#isLending)
    this.#append(message)
    if (marker === PART) return []
    const packet = this.#parts
    this.#parts = nothing
    this.#partsLength = 0
    return readFrames(packet, 0, length, this.#isLending)
  }

  /** Doubles when full: many small parts must not cost a piece of memory each, and a claimed length costs nothing. */
  #append(message: Uint8Array): void {
    const length = this.#partsLength + message.length - 1
    if (length > this.#parts.length) {
      const grown = new Uint8Array(Math.min(this.#maxPacketBytes, Math.max(length, 2 * this.#parts.length)))
      grown.set(this.#parts.subarray(0, this.#partsLength))
      this.#parts = grown
    }
    this.#parts.set(message.subarray(1), this.#partsLength)
    this.#partsLength = length
  }
}

function malformed(found: string): ProtocolError {
  return new ProtocolError('malformed', `${found} The sender is faulty or not speaking Syncline; end the connection.`)
}
