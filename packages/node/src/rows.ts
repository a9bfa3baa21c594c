import { crc32c } from '@syncline/protocol'

/** An entry of a log as it stands in a row. */
export interface Row {
  readonly entry: Uint8Array
  readonly claim: number | undefined
  readonly sum: number
}

/** The checksum of all the rest and of where it stands; and the claim. */
const HEAD_BYTES = 4 + 8

/** `FORMAT.md` says what stands in it. */
export function encodeRow(space: string, position: number, entry: Uint8Array, claim = 0): Buffer {
  const row = Buffer.alloc(HEAD_BYTES + entry.length)
  row.writeDoubleLE(claim, 4)
  row.set(entry, HEAD_BYTES)
  row.writeUInt32LE(sumOf(space, position, row), 0)
  return row
}

/** What stands in a row; or, in words, what is wrong with it. */
export function decodeRow(space: string, position: number, row: Buffer): Row | string {
  if (row.length < HEAD_BYTES) return `it has ${row.length} bytes`
  const sum = row.readUInt32LE(0)
  if (sum !== sumOf(space, position, row)) return 'its checksum does not fit'
  const claim = row.readDoubleLE(4)
  return { entry: new Uint8Array(row.subarray(HEAD_BYTES)), claim: claim === 0 ? undefined : claim, sum }
}

/** Of all that is in the row and of its place, so that a row which is read at another place is noticed. */
function sumOf(space: string, position: number, row: Buffer): number {
  const place = new TextEncoder().encode(`${position} ${space}`)
  const all = new Uint8Array(place.length + row.length - 4)
  all.set(place)
  all.set(row.subarray(4), place.length)
  return crc32c(all)
}
