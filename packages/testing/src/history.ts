/** What is written: each value at most once to each key, so that a read tells which write it saw. */
export type Unique = string | number

/** A list that only grows at its end: each read tells in which order everything in it was written. The strongest workload. */
export type ListOp = readonly ['append', key: string, value: Unique] | readonly ['read', key: string, readonly Unique[]]

/** A register. `null` is read from a key that nobody has written. */
export type RegisterOp =
  | readonly ['write', key: string, value: Unique]
  | readonly ['read', key: string, value: Unique | null]

/** Which members of a collection a predicate read asks for: ids from `from`, before `to`, that begin with `prefix`. */
export interface Range {
  readonly from?: string
  readonly to?: string
  readonly prefix?: string
}

/** A collection that only grows: a range read that lacks a member came before it was added. Each id is added at most once. */
export type MemberOp =
  | readonly ['add', collection: string, id: string]
  | readonly ['range', collection: string, range: Range, ids: readonly string[]]

/** Anything a transaction can have done. A key belongs to one kind of operation. */
export type Op = ListOp | RegisterOp | MemberOp

/** One transaction as its client saw it. */
export interface Transaction<O extends Op = Op> {
  /** What explanations call it. Default: `T1`, `T2` … in the order of the history. */
  readonly id?: string
  /** Who ran it. A process runs one transaction after the other. */
  readonly process: string | number
  /** When the client asked for it, on a clock that all processes share. Only the order of these numbers counts. */
  readonly invoked: number
  /** When the client knew the outcome. Left out while it does not: `info`. */
  readonly completed?: number
  /**
   * `ok`: committed. `fail`: certainly not committed. `info`: nobody can say (a tab that died while it committed); it counts
   * as committed when somebody who committed has read from it.
   */
  readonly outcome: 'ok' | 'fail' | 'info'
  /** In program order, as the attempt that committed ran them. What others attempted goes in as reads of their own. */
  readonly ops: readonly O[]
}

/** What happened. The order of transactions means nothing except for their names. */
export type History<O extends Op = Op> = readonly Transaction<O>[]

/** Whether a range takes this id in. */
export function isInRange(id: string, { from, to, prefix }: Range): boolean {
  return (
    (from === undefined || id >= from) &&
    (to === undefined || id < to) &&
    (prefix === undefined || id.startsWith(prefix))
  )
}
