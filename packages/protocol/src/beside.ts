/** Where little things are put one beside the other. What is kept of a full one keeps all of it, so it is small. */
let beside: Uint8Array<ArrayBuffer> = new Uint8Array(0)
let besideAt = 0
const BESIDE_BYTES = 8_192
const MOST_BESIDE = 512

/**
 * Bytes to be written, zeros; a few of them beside others in one buffer. Each buffer costs several times what is written into it, when it is made and
 * when it is looked after. Not for what is handed to whoever takes a buffer whole, as a database does.
 */
export function bytesBeside(length: number): Uint8Array {
  if (length > MOST_BESIDE) return new Uint8Array(length)
  if (besideAt + length > beside.length) {
    beside = new Uint8Array(BESIDE_BYTES)
    besideAt = 0
  }
  const bytes = new Uint8Array(beside.buffer, besideAt, length)
  besideAt += length
  return bytes
}
