import { crc32c } from './crc32c.ts'
import { ProtocolError } from './errors.ts'
import { ByteReader, uint32At } from './reader.ts'
import type { ByteWriter } from './writer.ts'

/**
 * What rests on disk is sealed: its first byte is a version and its last four are the CRC-32C of everything before them,
 * in this version and in every later one. So damage is told from news.
 */
const CRC_BYTES = 4

/** Writes the checksum over everything written so far and gives the whole. */
export function seal(out: ByteWriter): Uint8Array {
  out.uint32(out.checksum())
  return out.finish()
}

/** The same, beside others in one buffer. */
export function sealBeside(out: ByteWriter): Uint8Array {
  out.uint32(out.checksum())
  return out.finishBeside()
}

/**
 * A reader of what lies between the version byte and the checksum. Throws `truncated` for fewer than `leastBytes`,
 * `damaged` when the checksum does not fit, `newer-version` when it fits and the version is unknown. Bytes are lent as by a `ByteReader`.
 */
export function unseal(
  what: string,
  bytes: Uint8Array,
  version: number,
  leastBytes: number,
  lendsFrom?: number,
): ByteReader {
  if (bytes.length < leastBytes) {
    throw new ProtocolError(
      'truncated',
      `A ${what} of ${bytes.length} bytes is shorter than any can be (${leastBytes}). Get it again, whole.`,
    )
  }
  const end = bytes.length - CRC_BYTES
  const stored = sealOf(bytes)
  const found = crc32c(bytes, 0, end)
  if (stored !== found) {
    throw new ProtocolError(
      'damaged',
      `A ${what} of ${bytes.length} bytes is damaged: its checksum is ${hex(stored)}, and its bytes give ${hex(found)}. Get it from another copy.`,
    )
  }
  if (bytes[0] !== version) throw unknownVersion(what, bytes[0]!, version)
  return new ByteReader(what, bytes, 1, end, lendsFrom)
}

export function unknownVersion(what: string, found: number, version: number): ProtocolError {
  return new ProtocolError(
    'newer-version',
    `A ${what} is of version ${found}, and this code reads version ${version}. Update this app, or reload it to get the newer one.`,
  )
}

/** The checksum stored at the end of `bytes`, which are at least four. */
export function sealOf(bytes: Uint8Array): number {
  return uint32At(bytes, bytes.length - CRC_BYTES)
}

function hex(crc: number): string {
  return crc.toString(16).padStart(8, '0')
}
