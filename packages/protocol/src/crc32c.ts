/** The reflected Castagnoli polynomial. */
const POLYNOMIAL = 0x82f63b78

/**
 * Eight tables of 256, one after the other: entry n of table k is the checksum of byte n followed by k zero bytes.
 * (Kounavis and Berry, "Novel table lookup-based algorithms for high-performance CRC generation", 2008: "slicing-by-8".)
 */
const tables: Int32Array = makeTables()

function makeTables(): Int32Array {
  const made = new Int32Array(8 * 256)
  for (let n = 0; n < 256; n++) {
    let crc = n
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1
    made[n] = crc
  }
  for (let at = 256; at < made.length; at++) {
    const crc = made[at - 256]!
    made[at] = (crc >>> 8) ^ made[crc & 255]!
  }
  return made
}

/**
 * The CRC-32C (RFC 3720, section 12.1) of `bytes` from `start` to `end`, as an unsigned 32-bit number.
 * It finds every single flipped bit and every burst of up to 32 bits.
 */
export function crc32c(bytes: Uint8Array, start = 0, end: number = bytes.length): number {
  const whole = start + Math.floor((end - start) / 8) * 8
  return ~ones(ofEights(-1, bytes, start, whole), bytes, whole, end) >>> 0
}

// Each loop in a function of its own, with nothing to do after it. V8 compiles a long loop while it runs, with what comes behind it still
// unknown, and keeps that code: who begins with a long run and goes on with short ones then leaves it again in every call, which costs
// ten times what the call does.

function ofEights(crc: number, bytes: Uint8Array, start: number, end: number): number {
  for (let at = start; at < end; at += 8) {
    const low = crc ^ (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24))
    crc =
      tables[1792 + (low & 255)]! ^
      tables[1536 + ((low >>> 8) & 255)]! ^
      tables[1280 + ((low >>> 16) & 255)]! ^
      tables[1024 + (low >>> 24)]! ^
      tables[768 + bytes[at + 4]!]! ^
      tables[512 + bytes[at + 5]!]! ^
      tables[256 + bytes[at + 6]!]! ^
      tables[bytes[at + 7]!]!
  }
  return crc
}

function ones(crc: number, bytes: Uint8Array, start: number, end: number): number {
  for (let at = start; at < end; at++) crc = (crc >>> 8) ^ tables[(crc ^ bytes[at]!) & 255]!
  return crc
}
