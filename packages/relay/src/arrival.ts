import { decodeHeader, ProtocolError, recordAuthor } from '@syncline/protocol'
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
      return { ...recordAuthor(record), record, header: undefined }
    }
    throw error
  }
}
