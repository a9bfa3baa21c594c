import type { Arbiter, Op } from './change.ts'
import { cellKey, type CellKey } from './ref.ts'
import type { Value } from './value.ts'

/** An operation that was made from a ref, and so knows where its cell is: to look for that is most of what a small commit costs. */
class SealedOp implements Op {
  readonly tag: string
  readonly address: string
  readonly arbiter: Arbiter
  readonly payload: Value
  readonly #ref: Sealable

  constructor(tag: string, address: string, arbiter: Arbiter, payload: Value, ref: Sealable) {
    this.tag = tag
    this.address = address
    this.arbiter = arbiter
    this.payload = payload
    this.#ref = ref
  }

  static keyOf(op: Op): CellKey {
    return #ref in op ? op.#ref.key : cellKey(op.tag, op.address, op.arbiter)
  }

  static refOf(op: Op): Sealable | undefined {
    return #ref in op ? op.#ref : undefined
  }
}

/** What an operation needs of its ref. */
interface Sealable {
  readonly address: string
  readonly arbiter: Arbiter
  readonly key: CellKey
}

/** Makes the operation of a policy on a ref. */
export function sealedOp(tag: string, ref: Sealable, payload: Value): Op {
  return new SealedOp(tag, ref.address, ref.arbiter, payload, ref)
}

/** The ref that an operation was made from; undefined for one that came otherwise. */
export const refOfSealed: (op: Op) => Sealable | undefined = SealedOp.refOf

/**
 * The key of the cell that an operation writes.
 *
 * @example
 * expect(cellKeyOf({ tag: 'lww', address: 'title', arbiter: 'local', payload: [0, 'Hello'] })).toBe('lww title')
 */
export const cellKeyOf: (op: Op) => CellKey = SealedOp.keyOf
