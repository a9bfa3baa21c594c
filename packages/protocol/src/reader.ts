import { ProtocolError } from './errors.ts'
import { readLongUtf8, readUtf8 } from './utf8.ts'

/** The codes of the hexadecimal digits, and those of the id that is being read. */
const DIGITS: readonly number[] = Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0))
const digits: number[] = Array.from({ length: 32 }, () => 0)

/** Shared, so that a run of empty byte strings costs nothing; nothing can be written into it. */
const NO_BYTES: Uint8Array = Object.freeze(new Uint8Array(0))

/** So many at most, which is a power of two. */
const KNOWN_IDS = 1024

/** Ids that were read, each at the place that its last bytes give, and their bytes: who has written writes again, and engines find the very same text faster in a Map. */
const knownIds: string[] = Array.from({ length: KNOWN_IDS }, () => '0'.repeat(32))
const knownIdBytes = new Uint8Array(16 * KNOWN_IDS)

/**
 * Bytes being read, one field after the other. Every length and every count is compared with the bytes left before anything
 * is allocated for it. What it gives back owns its bytes, unless it is as long as what the reader lends: then they are views of what is read.
 */
export class ByteReader {
  /** Where the next field starts. */
  at: number
  readonly end: number
  readonly #bytes: Uint8Array
  readonly #what: string
  readonly #lendsFrom: number

  /** `what` names the thing in error messages. Bytes are lent that are `lendsFrom` long, or longer. */
  constructor(what: string, bytes: Uint8Array, start = 0, end: number = bytes.length, lendsFrom: number = Infinity) {
    this.#what = what
    this.#lendsFrom = lendsFrom
    // A plain Uint8Array over the same memory: `slice` of a subclass may be a view (Node's Buffer) or of another type.
    this.#bytes =
      bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
    this.at = start
    this.end = end
  }

  get left(): number {
    return this.end - this.at
  }

  /** The next byte, which is still to be read. */
  next(): number {
    if (this.at >= this.end) throw this.short(1)
    return this.#bytes[this.at]!
  }

  byte(): number {
    if (this.at >= this.end) throw this.short(1)
    return this.#bytes[this.at++]!
  }

  /** A whole number from 0 to 2^53 - 1 in its shortest form. */
  varuint(): number {
    // Most numbers are small.
    const first = this.at < this.end ? this.#bytes[this.at]! : 255
    if (first < 128) {
      this.at += 1
      return first
    }
    let value = 0
    let scale = 1
    for (let count = 1; count <= 8; count++) {
      const byte = this.byte()
      value += (byte & 127) * scale
      if (byte < 128) {
        if (byte === 0 && count > 1) throw this.malformed('a number that is padded with zeros')
        if (value > Number.MAX_SAFE_INTEGER) break
        return value
      }
      scale *= 128
    }
    throw this.malformed('a number above 2^53 - 1')
  }

  /** A number that may not be zero. */
  positive(what: string): number {
    const value = this.varuint()
    if (value === 0) throw this.malformed(`0 as ${what}, which counts from 1`)
    return value
  }

  /** How many items follow, each of which takes at least `leastBytes`. */
  count(leastBytes: number): number {
    const count = this.varuint()
    if (count * leastBytes > this.left) throw this.short(count * leastBytes)
    return count
  }

  /** How many items follow: one or more. */
  some(what: string, leastBytes: number): number {
    const count = this.count(leastBytes)
    if (count === 0) throw this.malformed(`no ${what}, where there must be one`)
    return count
  }

  /** A length and that many bytes. */
  bytes(): Uint8Array {
    const length = this.count(1)
    return length === 0 ? NO_BYTES : this.raw(length)
  }

  /** The next `length` bytes, copied unless they are lent. */
  raw(length: number): Uint8Array {
    const start = this.at
    this.skip(length)
    return length >= this.#lendsFrom ? this.#bytes.subarray(start, this.at) : this.#bytes.slice(start, this.at)
  }

  skip(length: number): void {
    if (length > this.left) throw this.short(length)
    this.at += length
  }

  /** A length in bytes and that much UTF-8. */
  string(): string {
    const length = this.count(1)
    const start = this.at
    this.at += length
    return readUtf8(this.#bytes, start, this.at)
  }

  /** The same of a text that may be long. */
  longString(): string {
    const length = this.count(1)
    const start = this.at
    this.at += length
    return readLongUtf8(this.#bytes, start, this.at)
  }

  /** The sixteen bytes of a writer id, an epoch or a session. */
  id(): string {
    const { at } = this
    const bytes = this.#bytes
    this.skip(16)
    const place = ((bytes[at + 14]! << 8) | bytes[at + 15]!) & (KNOWN_IDS - 1)
    let i = 0
    while (i < 16 && bytes[at + i] === knownIdBytes[16 * place + i]) i += 1
    if (i < 16) {
      for (i = 0; i < 16; i++) {
        const byte = (knownIdBytes[16 * place + i] = bytes[at + i]!)
        digits[2 * i] = DIGITS[byte >> 4]!
        digits[2 * i + 1] = DIGITS[byte & 15]!
      }
      // At once: text that is put together stays fifteen pieces, which weigh ten times as much as it does.
      knownIds[place] = String.fromCharCode(...digits)
    }
    return knownIds[place]!
  }

  float(): number {
    if (this.left < 8) throw this.short(8)
    const value = new DataView(this.#bytes.buffer, this.#bytes.byteOffset + this.at, 8).getFloat64(0, true)
    if (Number.isNaN(value)) {
      // Other bits of NaN would be a second encoding of the same value.
      for (let i = 0; i < 8; i++) {
        if (this.#bytes[this.at + i] !== (i < 6 ? 0 : i === 6 ? 0xf8 : 0x7f))
          throw this.malformed('a NaN of unusual bits')
      }
    }
    this.at += 8
    return value
  }

  uint32(): number {
    if (this.left < 4) throw this.short(4)
    const value = uint32At(this.#bytes, this.at)
    this.at += 4
    return value
  }

  /** A reader of the next `length` bytes, which this one skips. */
  part(what: string, length: number): ByteReader {
    const start = this.at
    this.skip(length)
    return new ByteReader(what, this.#bytes, start, this.at, this.#lendsFrom)
  }

  /** Throws unless everything was read. */
  done(): void {
    if (this.left > 0) throw this.malformed(`${this.left} bytes more than it has fields`)
  }

  malformed(found: string): ProtocolError {
    return new ProtocolError(
      'malformed',
      `A ${this.#what} has ${found}, at byte ${this.at}. The sender is faulty or not speaking Syncline; do not go on with it.`,
    )
  }

  short(needed: number): ProtocolError {
    return new ProtocolError(
      'truncated',
      `A ${this.#what} ends too early: at byte ${this.at} it needs ${needed} more, and ${this.left} are left. Get it again, whole.`,
    )
  }
}

/** Four bytes, the lowest first, as an unsigned number. They must be there. */
export function uint32At(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
}
