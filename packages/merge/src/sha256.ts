/** The first 32 bits of the fractional parts of the cube roots of the first 64 primes (FIPS 180-4, 4.2.2). */
const ROUNDS = new Uint32Array(64)
/** The same of their square roots, of the first 8 (FIPS 180-4, 5.3.3). */
const START = new Uint32Array(8)

for (let candidate = 2, found = 0; found < 64; candidate++) {
  let isPrime = true
  for (let divisor = 2; divisor * divisor <= candidate; divisor++) isPrime &&= candidate % divisor !== 0
  if (!isPrime) continue
  if (found < 8) START[found] = candidate ** (1 / 2) * 2 ** 32
  ROUNDS[found++] = candidate ** (1 / 3) * 2 ** 32
}

const BLOCK_BYTES = 64

/**
 * The SHA-256 of `bytes` (FIPS 180-4). Here because the platform's own is a promise, and a transaction must know at once whether what it
 * read still stands. Cost: its length, some 100 MB a second.
 *
 * @example
 * import { sha256 } from '@syncline/merge/sha256'
 *
 * expect(sha256(new Uint8Array()).slice(0, 4)).toEqual(new Uint8Array([0xe3, 0xb0, 0xc4, 0x42]))
 */
export function sha256(bytes: Uint8Array): Uint8Array {
  // The message, a bit that is 1, zeros, and the length in bits as 64 bits, big end first: whole blocks together.
  const padded = new Uint8Array(Math.ceil((bytes.length + 9) / BLOCK_BYTES) * BLOCK_BYTES)
  padded.set(bytes)
  padded[bytes.length] = 0x80
  const words = new DataView(padded.buffer)
  words.setUint32(padded.length - 8, Math.floor(bytes.length / 2 ** 29))
  words.setUint32(padded.length - 4, bytes.length * 8)

  const hash = START.slice()
  const w = new Int32Array(64)
  for (let at = 0; at < padded.length; at += BLOCK_BYTES) {
    for (let i = 0; i < 16; i++) w[i] = words.getInt32(at + 4 * i)
    for (let i = 16; i < 64; i++) {
      const early = w[i - 15]!
      const late = w[i - 2]!
      const mixed = (turned(early, 7) ^ turned(early, 18) ^ (early >>> 3)) + w[i - 7]!
      w[i] = w[i - 16]! + mixed + (turned(late, 17) ^ turned(late, 19) ^ (late >>> 10))
    }
    addBlock(hash, w)
  }
  const digest = new DataView(new ArrayBuffer(32))
  for (let i = 0; i < 8; i++) digest.setUint32(4 * i, hash[i]!)
  return new Uint8Array(digest.buffer)
}

function addBlock(hash: Uint32Array, w: Int32Array): void {
  let [a, b, c, d, e, f, g, h] = Int32Array.from(hash) as unknown as Eight
  for (let i = 0; i < 64; i++) {
    const first = (h + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + ((e & f) ^ (~e & g)) + ROUNDS[i]! + w[i]!) | 0
    const second = ((turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0
    h = g
    g = f
    f = e
    e = (d + first) | 0
    d = c
    c = b
    b = a
    a = (first + second) | 0
  }
  // The array keeps the lowest 32 bits of each sum.
  for (const [i, word] of [a, b, c, d, e, f, g, h].entries()) hash[i]! += word
}

/** The eight working words. */
type Eight = [number, number, number, number, number, number, number, number]

function turned(word: number, bits: number): number {
  return (word >>> bits) | (word << (32 - bits))
}
