import { crc32c } from '@syncline/protocol'

/** The same bytes with the checksum that fits what now stands before it: damage that no checksum can find. */
export function resealed(bytes: Uint8Array): Uint8Array {
  const result = bytes.slice()
  const end = result.length - 4
  if (end >= 0) new DataView(result.buffer).setUint32(end, crc32c(result, 0, end), true)
  return result
}

/** A sealed record or entry made of the given parts. */
export function sealedOf(...parts: readonly (readonly number[])[]): Uint8Array {
  return resealed(Uint8Array.from([...parts.flat(), 0, 0, 0, 0]))
}
