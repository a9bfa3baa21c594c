import type { Arbiter, Isolation, Value } from '@syncline/stm'

/** Options of one transaction. */
export interface TransactOptions {
  /** What the app wants to remember about this Change; travels with it. */
  readonly meta?: Value
  /**
   * `strict` makes `durable()` wait for the disk itself: then a loss of power does not take it away, and nothing that was durable before. Default `relaxed`, which a crash
   * of the browser does not take away. What a relay decides about is on its disk either way.
   */
  readonly durability?: 'relaxed' | 'strict'
  /** How it can be undone. Default: as a step of its own, by `store.undo()`. */
  readonly undo?: UndoMark
}

/**
 * How a transaction can be undone. `false`: not at all, and it leaves alone what can be. In a `scope` of its own it is undone by
 * `store.undoStack(scope)`; transactions that follow each other with the same `group` are one step.
 */
export type UndoMark = false | { readonly scope?: string; readonly group?: string }

/** Options of an undo or redo that may wait. */
export interface UndoAsyncOptions {
  /** How often it is tried because others were faster. Default 100. */
  readonly attempts?: number
  /** How long it may take, its turn included. Default: as long as it takes. */
  readonly timeoutMs?: number
  /** Ends it, wherever it is; the promise rejects with its reason. */
  readonly signal?: AbortSignal
}

/** Options of a transaction that may await. */
export interface TransactAsyncOptions<A extends Arbiter = Arbiter> extends TransactOptions {
  /** Whose refs it writes, beside `local` ones: `browser` or `relay`, never both. */
  readonly arbiter?: A & OneOf<A>
  /**
   * `serializable`, the default: it commits only if nothing has moved that it read, wrote or ensured. `snapshot`: if nothing has moved
   * that it wrote or ensured.
   */
  readonly isolation?: Isolation
  /** How often the body may run because something moved. Default 100. Waiting after `retry()` does not count. */
  readonly attempts?: number
  /** How long it may take, waiting included. Default: as long as it takes. */
  readonly timeoutMs?: number
  /** Ends it, wherever it is; the promise rejects with its reason. */
  readonly signal?: AbortSignal
}

/** Nothing at all when a transaction would be for `browser` and `relay` refs. */
type OneOf<A extends Arbiter> = 'browser' | 'relay' extends A ? never : A
