import type { Stamp } from './change.ts'
import type { DistilledRows } from './distilled.ts'
import type { Renaming } from './renaming.ts'
import type { Reversal } from './reversal.ts'
import type { Issue } from './schema.ts'
import type { Value } from './value.ts'

/** The writes a ref may understand. Nearly each is data, so that it can be buffered, combined and checked. */
export type Intent =
  | { readonly kind: 'set'; readonly value: unknown }
  /** A whole value as somebody had it, and as they want it: what differs is written. */
  | { readonly kind: 'merge'; readonly base: unknown; readonly mine: unknown }
  | { readonly kind: 'patch'; readonly fields: Readonly<Record<string, unknown>> }
  | { readonly kind: 'add'; readonly delta: number; readonly field?: string }
  | { readonly kind: 'create'; readonly value: Readonly<Record<string, unknown>> }
  | { readonly kind: 'delete' }
  | { readonly kind: 'insert'; readonly index: number; readonly content: unknown }
  | { readonly kind: 'remove'; readonly index: number; readonly length: number }
  | { readonly kind: 'include'; readonly values: readonly unknown[] }
  | { readonly kind: 'exclude'; readonly values: readonly unknown[] }
  | { readonly kind: 'move'; readonly from: number; readonly to: number }
  /** Not data: what it does is known to its policy when it has run, which is at once and only once. */
  | { readonly kind: 'edit'; readonly change: (content: never) => unknown }

/** What a policy may know while it takes writes: who is writing, and a seed for ids and jitter that no other transaction has. */
export interface EditContext {
  readonly stamp: Stamp
  /** Unique to this transaction, the same for all its writes; letters and digits. */
  readonly seed: string
}

/** What rows have made, by their places. */
export interface Born<S> {
  /** Made when it is asked for, each time anew. */
  state(row: number): S
  /** What `read` gives of such a state, identically. Absent where it is not known who reads. */
  value?(row: number): unknown
}

/** The part of a ref that its policy sees. */
export interface PolicyRef {
  readonly address: string
  /** What `read` gives while nobody has written; for records the declared fields. Fixed for the life of the ref. */
  readonly spec: unknown
}

/**
 * How a ref merges: pure functions over an immutable state `S`, which `undefined` stands for while nobody has written.
 *
 * Laws, tested for every policy:
 * - applying the payloads of a set of Changes gives the same state in every order that delivers each Change once; a policy that forgets may
 *   count on those orders in which each comes after what its author had seen, and no others are there in a store;
 * - `apply` returns the very state it got when nothing changes, and `read` of one state gives the identical (`===`) value every time;
 * - `edit` never changes the draft it got, and returns this very draft when nothing changes;
 * - after `apply(state, finish(draft))` a ref reads what `readDraft(draft)` said;
 * - `born` gives of rows the states that `apply` gives of their operations, all of which exist, and the values that `read` gives of these;
 * - `exists` of a state is true exactly when its member does not read as undefined, and `place` gives what the field reads as.
 *   Collections and lists are kept by the states, and a transaction goes by the values it reads.
 */
export interface Policy<V = any, S = any, D = any> {
  /** From the closed list of tags; part of every operation and of the ref's identity. Up to 32 letters, digits, `-` and `_`. */
  readonly tag: string

  /** Folds one operation into the state. Must not throw on any payload: one that makes no sense to it changes nothing. */
  apply(state: S | undefined, payload: Value, stamp: Stamp): S

  /** The value an app sees. Deeply immutable. */
  read(state: S | undefined, ref: PolicyRef): V

  /** Opens an immutable draft: the state plus the writes of one transaction so far. */
  draft(state: S | undefined, ref: PolicyRef): D

  /** The draft after one more write. Throws `StmError` `invalid-value`, `invalid-write`, `missing-member` or `member-exists`. */
  edit(draft: D, intent: Intent, ref: PolicyRef, context: EditContext): D

  /** The value a transaction sees after its own writes. */
  readDraft(draft: D, ref: PolicyRef): V

  /** An upper bound in bytes of what `finish` will return. Needed only of a policy that is late. */
  sizeBytes?(draft: D): number

  /** The smallest payload that takes the state to the draft; undefined when nothing changed. Never throws. */
  finish(draft: D, ref: PolicyRef, context: EditContext): Value | undefined

  /**
   * What a state holds, as plain data without stamps and without anything declared by an app: undefined when it is as if nobody had
   * written. Two states have equal content exactly when every declaration of the ref reads them alike. A relay compares contents, so only
   * policies that have this can be those of `relay` refs. Must not throw on any state.
   */
  content?(state: S | undefined): Value | undefined

  /**
   * What of a value apps write: what schemas and limits of size are about. Only for policies that show more beside it; of others all of
   * a value is written.
   */
  written?(value: V): unknown

  /** What keeps a state from being read as its ref declares it; nothing where it is as declared. Must not throw on any state. */
  problems?(state: S, ref: PolicyRef): readonly Issue[]

  /** Whether a member with this state is in its collection. Only for policies that have membership. */
  exists?(state: S | undefined): boolean

  /** The place register `field` of a member that exists; undefined while it has no place. Only for policies that have places. */
  place?(state: S | undefined, field: string): Place | undefined

  /**
   * Operations that make a state of nothing, in this order and each with its stamp: as few as can be, so that nothing is left of what was overwritten. Where a
   * state holds what no operation says, its payload has {@link nobodys} stamp, by which `apply` knows that it has come from this device alone, and joins it to
   * what is there: two logs may become one. Of a policy without it operations are kept as they came. Must not throw on any state.
   */
  distill?(state: S): readonly Distilled[]

  /**
   * What rows make of nothing, where that takes less than to apply their operations one by one; undefined where it is to be done so. `spec` is that
   * of the refs which will read them, where that is known. Must not throw on any rows.
   */
  born?(rows: DistilledRows, spec?: unknown): Born<S> | undefined

  /** How its operations are taken back. `'none'`, or absent: they cannot be, and an undo says so. */
  readonly reversal?: Reversal<S> | 'none'

  /**
   * The Yjs client ids under which the author of a payload has written in it: they stand in the header of the Change, and nobody else may write
   * under them. Only for policies on Yjs. Never throws.
   */
  documents?(payload: Value): readonly number[]

  /** How its operations are authored again under other client ids. Only for policies on Yjs. */
  readonly renaming?: Renaming

  /** A policy with live documents gives each store its own bound policy. */
  bind?(host: PolicyHost): BoundPolicy<V, S, D>
}

/** An operation as it is kept, on a cell that is known. */
export interface Distilled {
  readonly payload: Value
  readonly stamp: Stamp
}

/** The stamp of what was put together of many operations. No Change has it: writers have names. */
export const nobodys: Stamp = Object.freeze({ at: 0, writer: '' })

/** Where an item stands: under which parent, and at which sort key. One last-writer-wins register. */
export interface Place {
  readonly parent: string
  readonly key: string
}

/** Where an applied operation comes from. */
export type Origin = 'local' | 'remote' | 'replay'

/** A policy that keeps live documents beside the immutable states of one store. */
export interface BoundPolicy<V = any, S = any, D = any> extends Policy<V, S, D> {
  /** `finish` changes a live document, so it is called after every policy that is not late, when nothing can fail any more. */
  readonly late: true
  /** An upper bound in bytes of what `finish` will return: the size of a Change is checked before. */
  sizeBytes(draft: D): number
  /** What `finish` would return, made without touching the live document: for what is never committed. Never throws. */
  finishAside(draft: D, ref: PolicyRef, context: EditContext): Value | undefined
  /** Called after the states of a whole Change are in place: brings the live document of `address`, if open, up to date. */
  settle(address: string, payload: Value, origin: Origin): void
  /** Called when the states were rebuilt without a refused Change: the live document of `address` must be made anew. */
  reset(address: string, state: S | undefined): void
  /**
   * Lets go of the live documents of some addresses, whose states go out of the memory and may come back. False when one is in use, and nothing has happened.
   * Without it they stay.
   */
  leave?(isOf: (address: string) => boolean): boolean
  /** Called before each transaction and before each incoming Change: hands over direct edits of this task at once. */
  flush(): void
  close(): void
}

/** What a store gives a policy that keeps live documents. */
export interface PolicyHost {
  /** The newest state of a ref of this policy. Throws `StmError` `not-loaded` when it is not in memory. */
  state(address: string): unknown
  /** Whether it is in memory. Absent: all are. */
  has?(address: string): boolean
  /** Commits an edit that was made directly on a live document: it is already visible and cannot be refused by the app. */
  commit(address: string, payload: Value): void
  /** A fresh random 32-bit number. */
  randomUint32(): number
  /** Runs work that can wait, in a task of its own; never once the store is closed. */
  later(work: () => void): void
  /** Reports an error that must not break a commit. */
  report(error: unknown): void
}
