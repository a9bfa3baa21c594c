import type { Cell, Cells } from './cells.ts'
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

/** An operation that came in pieces, and so knows in which collection it is, and under which id. */
class MemberOp implements Op {
  readonly tag: string
  readonly address: string
  readonly arbiter: Arbiter
  readonly payload: Value
  readonly #collection: string
  readonly #id: string

  constructor(tag: string, address: string, arbiter: Arbiter, payload: Value, collection: string, id: string) {
    this.tag = tag
    this.address = address
    this.arbiter = arbiter
    this.payload = payload
    this.#collection = collection
    this.#id = id
  }

  static cellOf(op: object, cells: Cells): Cell | undefined {
    return #id in op ? cells.makeBeside(op.tag, op.arbiter, op.#collection, op.#id) : undefined
  }

  static stateOf(op: Op, cells: Cells): unknown {
    const cell = #id in op ? cells.findBeside(op.tag, op.arbiter, op.#collection, op.#id) : cells.find(cellKeyOf(op))
    return cell?.state
  }
}

/**
 * An operation on a member of a collection: `collection` is what all addresses of its members begin with, up to and with their first slash, `id` the
 * rest of the address. Who has both spares others to look for them in the address.
 *
 * @example
 * import { memberOp } from '@syncline/stm'
 *
 * const op = memberOp({ tag: 'record', address: 'cards/a', arbiter: 'local' }, [1, 1], 'cards/', 'a')
 * expect(op).toEqual({ tag: 'record', address: 'cards/a', arbiter: 'local', payload: [1, 1] })
 */
export function memberOp(
  { tag, address, arbiter }: { readonly tag: string; readonly address: string; readonly arbiter: Arbiter },
  payload: Value,
  collection: string,
  id: string,
): Op {
  return new MemberOp(tag, address, arbiter, payload, collection, id)
}

/** The cell of an operation that came in pieces; undefined for one that came otherwise. */
export const cellOfMember: (op: object, cells: Cells) => Cell | undefined = MemberOp.cellOf

/** The state of the cell of an operation that was not made from a ref. */
export const stateOfMember: (op: Op, cells: Cells) => unknown = MemberOp.stateOf

/** The ref that an operation was made from; undefined for one that came otherwise. */
export const refOfSealed: (op: Op) => Sealable | undefined = SealedOp.refOf

/**
 * The key of the cell that an operation writes.
 *
 * @example
 * expect(cellKeyOf({ tag: 'lww', address: 'title', arbiter: 'local', payload: [0, 'Hello'] })).toBe('lww title')
 */
export const cellKeyOf: (op: Op) => CellKey = SealedOp.keyOf
