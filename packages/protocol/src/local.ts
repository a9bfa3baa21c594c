import type { Effect, Op, Value } from '@syncline/stm'
import { ProtocolError } from './errors.ts'
import { unknownVersion } from './seal.ts'
import { decodeValue, encodeValue } from './value.ts'

/** The part of a Change that never leaves the browser: it rests beside the shared record, in the same entry of the log. */
export interface LocalPart {
  /** The operations on `browser` refs. */
  readonly ops: readonly Op[]
  /** The effects that are done by this browser. */
  readonly effects: readonly Effect[]
  /** How to take the Change back; null when nobody wants to. */
  readonly inverse: Value
}

/** The version of the form. */
const VERSION = 1

/** The local part of a Change that has none. */
export const noLocalPart: LocalPart = { ops: [], effects: [], inverse: null }

/**
 * The bytes of a local part; none for an empty one. Operations of other arbiters than `browser` have no place in it (`malformed`).
 *
 * @example
 * import { decodeLocal, encodeLocal, noLocalPart } from '@syncline/protocol'
 *
 * const effects = [{ id: 'e1', handler: 'mail', input: { to: 'ada' } }]
 * expect(decodeLocal(encodeLocal({ ...noLocalPart, effects })).effects).toEqual(effects)
 * expect(encodeLocal(noLocalPart)).toHaveLength(0)
 */
export function encodeLocal({ ops, effects, inverse }: LocalPart): Uint8Array {
  if (ops.length === 0 && effects.length === 0 && inverse === null) return new Uint8Array(0)
  return encodeValue([
    VERSION,
    ops.map(({ tag, address, arbiter, payload }) => {
      if (arbiter === 'browser') return [tag, address, payload]
      throw new ProtocolError(
        'malformed',
        `The ${arbiter} ref "${address}" has no place in the local part of a Change.`,
      )
    }),
    effects.map(({ id, handler, input }) => [id, handler, input]),
    inverse,
  ])
}

/** What `encodeLocal` encoded. Throws `ProtocolError`: `newer-version` for a form that is not known, `malformed` for anything else. */
export function decodeLocal(bytes: Uint8Array): LocalPart {
  if (bytes.length === 0) return noLocalPart
  const value = decodeValue(bytes)
  if (!Array.isArray(value)) throw malformed('no array')
  const [version, ops, effects, inverse] = value as readonly (Value | undefined)[]
  if (typeof version === 'number' && version > VERSION) throw unknownVersion('local part of a Change', version, VERSION)
  if (version !== VERSION || value.length !== 4 || inverse === undefined) throw malformed(`the form ${String(version)}`)
  return {
    ops: triples(ops).map(([tag, address, payload]) => ({ tag, address, arbiter: 'browser', payload })),
    effects: triples(effects).map(([id, handler, input]) => ({ id, handler, input })),
    inverse,
  }
}

/** Two texts and a value each. */
function triples(list: Value | undefined): readonly (readonly [string, string, Value])[] {
  if (!Array.isArray(list)) throw malformed('no list')
  return (list as readonly Value[]).map((item) => {
    if (!Array.isArray(item) || item.length !== 3) throw malformed('a list of something else than triples')
    const [first, second, third] = item as readonly Value[]
    if (typeof first !== 'string' || typeof second !== 'string') throw malformed('a triple without names')
    return [first, second, third!]
  })
}

function malformed(found: string): ProtocolError {
  return new ProtocolError(
    'malformed',
    `The local part of a Change holds ${found}. Its device wrote something else than Syncline does.`,
  )
}
