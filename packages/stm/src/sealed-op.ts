import type { Arbiter, Op } from './change.ts'
import { cellKey, type CellKey } from './ref.ts'
import type { Value } from './value.ts'

/** An operation that was made from a ref, and so knows the key of its cell: to put keys together anew is most of what a small commit costs. */
class SealedOp implements Op {
  readonly tag: string
  readonly address: string
  readonly arbiter: Arbiter
  readonly payload: Value
  readonly #key: CellKey

  constructor(tag: string, address: string, arbiter: Arbiter, payload: Value, key: CellKey) {
    this.tag = tag
    this.address = address
    this.arbiter = arbiter
    this.payload = payload
    this.#key = key
  }

  static keyOf(op: Op): CellKey {
    return #key in op ? op.#key : cellKey(op.tag, op.address, op.arbiter)
  }
}

/** Makes the operation of a policy on a ref. */
export function sealedOp(
  tag: string,
  { address, arbiter, key }: { readonly address: string; readonly arbiter: Arbiter; readonly key: CellKey },
  payload: Value,
): Op {
  return new SealedOp(tag, address, arbiter, payload, key)
}

/**
 * The key of the cell that an operation writes.
 *
 * @example
 * expect(cellKeyOf({ tag: 'lww', address: 'title', arbiter: 'local', payload: [0, 'Hello'] })).toBe('lww title')
 */
export const cellKeyOf: (op: Op) => CellKey = SealedOp.keyOf
