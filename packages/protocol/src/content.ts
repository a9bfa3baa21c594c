import { sha256 } from '@syncline/merge/sha256'
import type { Value } from '@syncline/stm'
import { writeValue } from './value.ts'
import { ByteWriter } from './writer.ts'

/** What a ref, a collection or a list holds, in 128 bits: 32 lower-case hexadecimal digits. */
export type ContentId = string & { readonly __content?: never }

/** So many levels a policy may put around values that others sent, which have `MAX_VALUE_LEVELS` at most. */
const WRAPPING_LEVELS = 8

const ID_BYTES = 16

/**
 * The id of a content: the same wherever the content is the same, and another for any other. Undefined, for what is absent, has an id of its
 * own. Cost: one encoding, and one SHA-256 over it.
 *
 * Throws `ProtocolError` `malformed` for what is no `Value`.
 *
 * @example
 * import { contentId } from '@syncline/protocol'
 *
 * expect(contentId({ a: 1, b: 2 })).toBe(contentId({ b: 2, a: 1 }))
 * expect(contentId(undefined)).not.toBe(contentId(null))
 */
export function contentId(content: Value | undefined): ContentId {
  const out = new ByteWriter('content')
  // Absent is the encoding of nothing at all, which no value has.
  if (content !== undefined) writeValue(out, content, -WRAPPING_LEVELS)
  let id = ''
  for (const byte of sha256(out.view()).subarray(0, ID_BYTES)) id += byte.toString(16).padStart(2, '0')
  out.release()
  return id
}
