import type { Stamp } from './change.ts'
import type { Value } from './value.ts'

/**
 * How a policy takes its own operations back. Pure, as the policy is, and without the schema of an app: what was written before a reload
 * is taken back after it, before anybody has declared a ref.
 *
 * A part of a ref (a register, an item, the life of a member) goes back only while the write that is taken back still stands there.
 * It stands, too, where it was put back: `past` knows which writes are such restorations, and of what.
 *
 * Laws, tested for every policy that has one:
 * - reverting an operation right after it was applied reads what was read before it, and reverting that reads what it had written;
 * - a part that somebody wrote later keeps what they wrote, and is named in `superseded`;
 * - whatever an inverse holds, nothing throws; one that makes no sense takes nothing back.
 */
export interface Reversal<S = any> {
  /**
   * True when a state is no larger than the inverse of an operation on it: then states are held until somebody asks for inverses, which mostly
   * nobody does.
   */
  readonly isSmall?: boolean

  /** Whether neither depends on the state: what is done in between changes nothing of what there is to take back. */
  readonly commutes?: boolean

  /**
   * What it takes to undo an operation that is about to be applied to `before`; undefined when nothing can be undone in it. Plain data,
   * as large as what the operation writes and replaces.
   */
  inverse(before: S | undefined, payload: Value, past: Past): Value | undefined

  /** Takes operations back, the newest first: the one operation that does it, and what stood in the way. Nothing is changed. */
  revert(state: S | undefined, undone: readonly Undone[], past: Past): Reverted
}

/** An operation that is to be taken back. */
export interface Undone {
  /** What `inverse` gave for it. */
  readonly inverse: Value
  /** The stamp that its Change has now. */
  readonly stamp: Stamp
}

/** What it takes to take operations back. */
export interface Reverted {
  /** The operation of a new Change; undefined when there is nothing to do. */
  readonly payload: Value | undefined
  /** Which earlier writes the new operation puts back: what `past` is to say of its stamp. */
  readonly restored: Value
  /** The parts that others have written since, and that stay as they are: names of fields, ids of items, `''` for the whole. */
  readonly superseded: readonly string[]
}

/** What is known of the Changes that took others back, as far as one ref is concerned. */
export interface Past {
  /** The stamp that a Change has now: another one than it had when it was made, if it was authored again. */
  now(stamp: Stamp): Stamp
  /** What `revert` gave as `restored` for the Change with this stamp; undefined for all others. */
  restored(stamp: Stamp): Value | undefined
  /** All that `revert` gave as `restored` and that is remembered, the oldest first: for policies whose states hold no stamps. */
  restorations(): Iterable<Value>
  /**
   * What comes of folding them, the oldest first. It is kept, and each is folded once; so some may be in it that are not remembered any more. Absent:
   * nothing is kept.
   */
  folded?<T>(folding: Folding<T>): T
}

/** What is made of restorations, one after the other. */
export interface Folding<T> {
  begin(): T
  add(made: T, restored: Value): void
}

/** The past of a ref of which nothing was taken back yet. */
export const noPast: Past = Object.freeze({
  now: (stamp: Stamp) => stamp,
  restored: () => undefined,
  restorations: () => [],
})
