import type { Change, Readable, Snapshot } from '@syncline/stm'

/** Selects everything: whoever watches it is told of each Change. */
export interface Everything {
  readonly kind: 'everything'
}

/**
 * Selects everything: `store.changes(everything, …)` tells of each Change, and its value is the Snapshot itself. Also of one that changes nothing
 * that can be read here: because others have overwritten it, or because its policy is not known yet. When that becomes known nothing is told:
 * what was written is then in the Snapshots that have been told, as if it had always been readable.
 *
 * @example
 * import { lww } from '@syncline/merge'
 * import { everything, openStore } from '@syncline/store'
 *
 * const title = lww('title', '')
 * const store = await openStore({ space: 'board' })
 * const seen: string[] = []
 * store.changes(everything, ({ before, now }) => seen.push(`${before.get(title)} → ${now.get(title)}`))
 * store.transact((tx) => tx.set(title, 'Plan'))
 * store.transact((tx) => tx.set(title, 'Done'))
 * expect(seen).toEqual([' → Plan', 'Plan → Done'])
 * await store.close()
 */
export const everything: Everything = Object.freeze({ kind: 'everything' })

/**
 * What can be watched: a ref, a collection, a list or a range; several of them; whatever a function reads from a Snapshot; everything.
 *
 * A function must read from the Snapshot that it is given and from nothing else, while it runs, and must not write.
 */
export type Selector = Everything | Readable<unknown> | readonly Readable<unknown>[] | ((snapshot: Snapshot) => unknown)

/** What a selector makes of a Snapshot: the value of a readable, the values of several, the result of a function, the Snapshot itself. */
export type Selected<S> = S extends (snapshot: Snapshot) => infer T
  ? T
  : S extends Everything
    ? Snapshot
    : S extends Readable<infer V>
      ? V
      : { readonly [K in keyof S]: S[K] extends Readable<infer V> ? V : never }

/** What has changed, as whoever watches is told. Take from it what you need by name; spread into another object it may lack the value. */
export interface Report<T> {
  /** What the selector makes of `now`. */
  readonly value: T
  /**
   * Everything as it was before. What the selector reads in it is what it read in `now` of the report before: nothing is missing in between.
   * Of `everything` it is that very Snapshot.
   */
  readonly before: Snapshot
  /** Everything as it is after, as a whole. */
  readonly now: Snapshot
  /**
   * The Changes that lie between the two, in the order in which they came, the same objects that receipts have. Empty for the first report
   * of `initial`, and where the values only went back because the relay refused a Change. Undefined when they were not counted: with `from`, and
   * when more than 64 were gathered for a reader that is slow or throttled.
   */
  readonly changes: readonly Change[] | undefined
  /** `local` when all of it was committed in this store, `remote` when nothing was; undefined when neither is so, or nobody knows. */
  readonly origin: 'local' | 'remote' | undefined
}

/** How to watch. */
export interface ChangesOptions {
  /** At most one report in so many milliseconds, always ending with the latest. Readers of one rate are told together, of one Snapshot. */
  readonly every?: number
  /** A report at once, of what is there now: `before` and `now` are then the same. */
  readonly initial?: boolean
  /**
   * A Snapshot of this store: where what is selected reads differently now, there is a report at once, from it to now. Throws `StoreError`
   * `unknown-snapshot` for anything else, also for a basis: the past can only be read from a Snapshot that somebody holds.
   */
  readonly from?: Snapshot
  /** Ends the watching, or the iteration, when it is aborted. */
  readonly signal?: AbortSignal
}
