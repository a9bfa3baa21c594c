import { bytesBeside } from './beside.ts'
import { crc32c } from './crc32c.ts'
import { ProtocolError } from './errors.ts'
import { utf8Length, writeUtf8 } from './utf8.ts'

/** The first size of a buffer; it doubles when full. */
const FIRST_BYTES = 128
const FEW_BYTES = 64

/**
 * Buffers that nobody writes into now. To make one costs more than to write a small Change into it, and each is one more thing for the collector
 * of garbage to follow. Nobody can see which one a writer has: what is given out is a copy.
 */
const spare: Uint8Array[] = []
/** More are not written at the same time, one inside of the other; larger ones are not kept. */
const MOST_SPARE = 4
const MOST_SPARE_BYTES = 4_096
const NOTHING: Uint8Array = new Uint8Array(0)

/** Bytes being written, one field after the other. */
export class ByteWriter {
  #bytes: Uint8Array = spare.pop() ?? new Uint8Array(FIRST_BYTES)
  #length = 0
  readonly #what: string
  readonly #maxBytes: number

  /** `what` names the thing in error messages. Longer than `maxBytes` it throws `too-large`, before memory is spent on it. */
  constructor(what: string, maxBytes: number = Number.MAX_SAFE_INTEGER) {
    this.#what = what
    this.#maxBytes = maxBytes
  }

  get length(): number {
    return this.#length
  }

  byte(value: number): void {
    const at = this.#reserve(1)
    this.#bytes[at] = value
    this.#length = at + 1
  }

  /** A whole number from 0 to 2^53 - 1, seven bits a byte, the lowest first. */
  varuint(value: number): void {
    // Written so that NaN fails too.
    if (!(value >= 0 && value <= Number.MAX_SAFE_INTEGER) || !Number.isInteger(value)) {
      throw this.unfit(`${String(value)} where a whole number from 0 to 2^53 - 1 belongs`)
    }
    let at = this.#reserve(8)
    let rest = value
    while (rest > 0x7fffffff) {
      this.#bytes[at++] = (rest % 128) | 128
      rest = Math.floor(rest / 128)
    }
    while (rest > 127) {
      this.#bytes[at++] = (rest & 127) | 128
      rest >>>= 7
    }
    this.#bytes[at++] = rest
    this.#length = at
  }

  /** Bytes as they are, without their length. */
  raw(bytes: Uint8Array): void {
    const { length } = bytes
    const at = this.#reserve(length)
    // A few are copied sooner than `set` is called.
    if (length > FEW_BYTES) this.#bytes.set(bytes, at)
    else for (let i = 0; i < length; i++) this.#bytes[at + i] = bytes[i]!
    this.#length = at + length
  }

  /** A length and that many bytes. */
  bytes(bytes: Uint8Array): void {
    this.varuint(bytes.length)
    this.raw(bytes)
  }

  /** Takes back what was written after so many bytes. */
  cut(length: number): void {
    this.#length = length
  }

  /** Begins bytes of their own, with their length, which `end` is to write in front of them. Returns where that is. */
  begin(): number {
    const at = this.#reserve(1)
    this.#length = at + 1
    return at
  }

  /** Ends the bytes that were begun there. */
  end(begun: number): void {
    const size = this.#length - begun - 1
    if (size < 128) {
      // The one byte is enough for it.
      this.#bytes[begun] = size
      return
    }
    let more = 0
    for (let rest = size; rest > 127; rest = Math.floor(rest / 128)) more += 1
    const end = this.#reserve(more) + more
    this.#bytes.copyWithin(begun + 1 + more, begun + 1)
    this.#length = begun
    this.varuint(size)
    this.#length = end
  }

  /** The checksum of everything that was written. */
  checksum(): number {
    return crc32c(this.#bytes, 0, this.#length)
  }

  /** A length in bytes and that much UTF-8. */
  string(text: string): void {
    if (typeof text !== 'string') throw this.unfit(`${String(text)} where a text belongs`)
    if (text.length < 128 && this.#ascii(text)) return
    const length = utf8Length(text)
    this.varuint(length)
    const at = this.#reserve(length)
    this.#length = writeUtf8(text, this.#bytes, at)
  }

  /** Writes a short text that is ASCII, as most are, in one go; says whether it is. */
  #ascii(text: string): boolean {
    const { length } = text
    const at = this.#reserve(length + 1)
    const bytes = this.#bytes
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i)
      if (unit > 127) return false
      bytes[at + 1 + i] = unit
    }
    bytes[at] = length
    this.#length = at + 1 + length
    return true
  }

  /** The sixteen bytes of a writer id, an epoch or a session. */
  id(hex: string): void {
    if (!(typeof hex === 'string' && hex.length === 32 && (hex === lastId || readId(hex))))
      throw this.unfit(`"${String(hex)}" where an id of 32 lower-case hexadecimal digits belongs`)
    const at = this.#reserve(16)
    for (let i = 0; i < 16; i++) this.#bytes[at + i] = lastIdBytes[i]!
    this.#length = at + 16
  }

  /** A float64, lowest byte first; every NaN as the one of JavaScript's own. */
  float(value: number): void {
    const at = this.#reserve(8)
    const view = new DataView(this.#bytes.buffer)
    if (Number.isNaN(value)) view.setBigUint64(at, 0x7ff8000000000000n, true)
    else view.setFloat64(at, value, true)
    this.#length = at + 8
  }

  uint32(value: number): void {
    const at = this.#reserve(4)
    for (let i = 0; i < 4; i++) this.#bytes[at + i] = value >>> (8 * i)
    this.#length = at + 4
  }

  /** What was written, in a buffer of its own. The writer is empty then. */
  finish(): Uint8Array {
    const finished = this.#bytes.slice(0, this.#length)
    this.release()
    return finished
  }

  /** What was written; a little of it beside others in one buffer (`bytesBeside`). */
  finishBeside(): Uint8Array {
    const finished = bytesBeside(this.#length)
    finished.set(this.view())
    this.release()
    return finished
  }

  /** Empties the writer, whose views are no good any more. Who forgets it wastes a buffer. */
  release(): void {
    const bytes = this.#bytes
    this.#bytes = NOTHING
    this.#length = 0
    if (bytes.length > 0 && bytes.length <= MOST_SPARE_BYTES && spare.length < MOST_SPARE) spare.push(bytes)
  }

  /** What was written, as a view that is good until the next write. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  unfit(found: string): ProtocolError {
    return new ProtocolError('malformed', `Cannot encode a ${this.#what}: there is ${found}. Correct what made it.`)
  }

  /** Makes room for `count` more bytes; returns where they go. */
  #reserve(count: number): number {
    const at = this.#length
    if (at + count > this.#bytes.length) this.#grow(at + count)
    return at
  }

  #grow(needed: number): void {
    // A varuint reserves its greatest length, so that a few bytes more than the limit may be asked for and not used.
    if (needed > this.#maxBytes + 8) {
      throw new ProtocolError(
        'too-large',
        `A ${this.#what} would be longer than ${this.#maxBytes} bytes. Split the work into smaller parts.`,
      )
    }
    const grown = new Uint8Array(Math.max(FIRST_BYTES, needed, 2 * this.#bytes.length))
    grown.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = grown
  }
}

/** Whose bytes are known: one writer writes one Change after the other. */
let lastId = ''
const lastIdBytes: Uint8Array = new Uint8Array(16)

/** Says whether it is an id. */
function readId(hex: string): boolean {
  lastId = ''
  for (let i = 0; i < 16; i++) {
    const byte = (digit(hex.charCodeAt(2 * i)) << 4) | digit(hex.charCodeAt(2 * i + 1))
    if (byte < 0) return false
    lastIdBytes[i] = byte
  }
  lastId = hex
  return true
}

/** The value of a hexadecimal digit; so far below zero for anything else that the whole byte is negative. */
function digit(unit: number): number {
  if (unit >= 0x30 && unit <= 0x39) return unit - 0x30
  if (unit >= 0x61 && unit <= 0x66) return unit - 0x57
  return -256
}
