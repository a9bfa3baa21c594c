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

/** Whether numbers lie in the memory with their lowest byte first, as they do wherever browsers run. */
const isLowestFirst = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1

/** So many words are looked at in one call. */
const WORDS_A_CALL = 256

/**
 * The CRC-32C (RFC 3720, section 12.1) of `bytes` from `start` to `end`, as an unsigned 32-bit number.
 * It finds every single flipped bit and every burst of up to 32 bits.
 */
export function crc32c(bytes: Uint8Array, start = 0, end: number = bytes.length): number {
  const { buffer, byteOffset } = bytes
  // Words begin at multiples of four bytes of the memory.
  const begin = isLowestFirst ? Math.min(end, start + (-(byteOffset + start) & 3)) : end
  const words = new Int32Array(buffer, begin < end ? byteOffset + begin : 0, ((end - begin) >>> 3) * 2)
  let crc = ones(-1, bytes, start, begin)
  for (let at = 0; at < words.length; at += WORDS_A_CALL)
    crc = ofPairs(crc, words, at, Math.min(words.length, at + WORDS_A_CALL))
  return ~ones(crc, bytes, begin + 4 * words.length, end) >>> 0
}

// Each loop in a function of its own, with nothing to do after it, and called often rather than gone through for long. V8 compiles a long loop while it runs, with
// what comes behind it still unknown, and keeps that code: who begins with a long run and goes on with short ones then leaves it again in every call, which costs
// ten times what the call does. And a page that has just begun waits much longer for such code, through all of the first long run, than for that of
// a function which is called again.

/** Of an even number of words. */
function ofPairs(crc: number, words: Int32Array, from: number, to: number): number {
  for (let at = from; at < to; at += 2) {
    const low = crc ^ words[at]!
    const high = words[at + 1]!
    crc =
      tables[1792 + (low & 255)]! ^
      tables[1536 + ((low >>> 8) & 255)]! ^
      tables[1280 + ((low >>> 16) & 255)]! ^
      tables[1024 + (low >>> 24)]! ^
      tables[768 + (high & 255)]! ^
      tables[512 + ((high >>> 8) & 255)]! ^
      tables[256 + ((high >>> 16) & 255)]! ^
      tables[high >>> 24]!
  }
  return crc
}

function ones(crc: number, bytes: Uint8Array, start: number, end: number): number {
  for (let at = start; at < end; at++) crc = (crc >>> 8) ^ tables[(crc ^ bytes[at]!) & 255]!
  return crc
}
