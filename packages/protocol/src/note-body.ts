import type { Value } from '@syncline/stm'
import { readTouched, writeTouched, type TouchedRef } from './header.ts'
import { ByteReader } from './reader.ts'
import { readValue, writeValue } from './value.ts'
import { ByteWriter } from './writer.ts'

/** What need not be read of a note before somebody takes its Change back. */
export interface NoteBody {
  /** Of each operation the ref. */
  readonly refs: readonly TouchedRef[]
  readonly said: Value
}

const WHAT = 'note of how to undo a step'

/**
 * The bytes of a body.
 *
 * @example
 * import { decodeNoteBody, encodeNoteBody } from '@syncline/protocol'
 *
 * const body = { refs: [{ tag: 'lww', address: 'title', arbiter: 'local' }], said: ['before'] } as const
 * expect(decodeNoteBody(encodeNoteBody(body))).toEqual(body)
 */
export function encodeNoteBody({ refs, said }: NoteBody): Uint8Array {
  const out = new ByteWriter(WHAT)
  writeTouched(out, refs)
  writeValue(out, said)
  return out.finish()
}

/** What `encodeNoteBody` encoded. Throws `ProtocolError` for anything else. */
export function decodeNoteBody(bytes: Uint8Array): NoteBody {
  const input = new ByteReader(WHAT, bytes)
  const body = { refs: readTouched(input), said: readValue(input) }
  input.done()
  return body
}
