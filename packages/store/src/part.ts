import type { Core } from './core.ts'
import type { Store } from './store.ts'

/** The parts that a store can be opened without. */
export type PartName =
  | 'agents'
  | 'asyncTransactions'
  | 'browserRefs'
  | 'compaction'
  | 'handles'
  | 'link'
  | 'onDemand'
  | 'presence'
  | 'relayRefs'
  | 'undo'
  | 'validity'

/**
 * A part of a store: the code for something that not every app needs, as a value. Who does not name it does not download it.
 *
 * `M` are the members that it adds to a store.
 */
export interface Part<M extends keyof Store = never> {
  readonly name: PartName
  /** Brings it into one store, once. What it needs of other parts it takes with `core.use`. */
  readonly bring: (core: Core) => Pick<Store, M>
}

/** The members that parts add to a store. */
export type MembersOf<P extends readonly Part[]> = P[number] extends infer One
  ? One extends Part<infer M>
    ? M
    : never
  : never

/** The members that every store has. */
export type PlainMember = Exclude<
  keyof Store,
  | 'agent'
  | 'connect'
  | 'delete'
  | 'disconnect'
  | 'invariant'
  | 'isLoaded'
  | 'load'
  | 'onViolation'
  | 'open'
  | 'presence'
  | 'read'
  | 'redo'
  | 'redoAsync'
  | 'transactAsync'
  | 'undo'
  | 'undoAsync'
  | 'undoStack'
>

/** What every store has, whatever parts it was opened with: for code that takes any store. */
export type PlainStore = Pick<Store, PlainMember>
