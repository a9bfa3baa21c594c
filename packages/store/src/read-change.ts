import { decodeChange, decodeHeader, ProtocolError } from '@syncline/protocol'
import type { Change } from '@syncline/stm'

/**
 * The Change in a record. One whose header and checksum are right but whose body makes no sense is a Change without operations:
 * it has its place in the relay's order, which everybody must be able to pass, and everybody reads it alike.
 *
 * Throws `ProtocolError` for a damaged record, and for one of a newer version.
 */
export function readChange(record: Uint8Array): Change {
  try {
    return decodeChange(record)
  } catch (error) {
    if (!(error instanceof ProtocolError) || error.code === 'newer-version' || error.code === 'unknown-precondition')
      throw error
    const { writer, seq, deps, at } = decodeHeader(record)
    return { writer, seq, deps, at, ops: [], effects: [], meta: null }
  }
}
