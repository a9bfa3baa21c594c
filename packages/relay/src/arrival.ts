import { decodeHeader, ProtocolError } from '@syncline/protocol'
import type { ChangeHeader } from '@syncline/protocol'
import type { WriterId } from '@syncline/stm'

/** A Change record as it came in. */
export interface Arrival {
  readonly writer: WriterId
  readonly seq: number
  readonly record: Uint8Array
  /** Absent when the Change asks for a check that this relay does not know. */
  readonly header: ChangeHeader | undefined
}

/** Reads a record that came from outside. Throws `ProtocolError` when it cannot even be said whose it is. */
export function arrivalOf(record: Uint8Array): Arrival {
  try {
    const header = decodeHeader(record)
    return { writer: header.writer, seq: header.seq, record, header }
  } catch (error) {
    // Its checksum and its whole header were found right before the precondition was judged.
    if (error instanceof ProtocolError && error.code === 'unknown-precondition') {
      return { ...authorOf(record), record, header: undefined }
    }
    throw error
  }
}

/**
 * Who made a record that was verified before: it costs a few bytes of reading, whatever the record's length.
 * The layout is that of PROTOCOL.md: a version, the length of the header, its flags, the writer, the seq.
 */
export function authorOf(record: Uint8Array): { readonly writer: WriterId; readonly seq: number } {
  let at = 1
  const varuint = (): number => {
    let value = 0
    for (let unit = 1; ; unit *= 128) {
      const byte = record[at++]!
      value += (byte & 127) * unit
      if (byte < 128) return value
    }
  }
  varuint()
  varuint()
  let writer = ''
  for (const end = at + 16; at < end; at++) writer += hex[record[at]!]
  return { writer, seq: varuint() }
}

const hex: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))
