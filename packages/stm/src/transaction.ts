import type { Snapshot } from './snapshot.ts'
import type { Collection, List, Readable, Ref } from './ref.ts'

/** What a transaction body gets: reads from one consistent snapshot plus its own writes, and writes that are buffered. */
export interface Tx {
  /** The value now, own writes included. */
  get<V>(readable: Readable<V>): V
  /** The members of a collection, own writes included, as `[id, value]`, ascending by id. */
  items<V>(collection: Collection<V>): Iterable<readonly [string, V]>

  /** Replaces the value. Of a record only the fields that differ are written. Setting an equal value writes nothing. */
  set<V>(ref: Ref<unknown, { set: V }>, value: V): void
  /** `set(ref, change(get(ref)))`. */
  update<V>(ref: Ref<V | undefined, { set: V }>, change: (value: V) => V): void
  /** Writes the named fields of a record and leaves the others alone. */
  patch<F>(ref: Ref<unknown, { patch: F }>, fields: F): void
  /** Adds to a counter; concurrent additions sum up. `field` names the counter field of a record. */
  add(ref: Ref<unknown, { add: true }>, delta: number, field?: string): void

  /** Brings a member of a collection into being. Throws `member-exists` when it is there. */
  create<C>(member: Ref<unknown, { create: C }>, value: C): void
  /** Takes a member out of its collection. Wins over concurrent edits of it. Of an absent member: nothing. */
  delete(member: Ref<unknown, { delete: true }>): void
  /** Puts an existing member into `list` at `index` (counted without the member itself; default: at the end), out of the list it was in. */
  move(member: Ref<unknown, { patch: never }>, list: List, index?: number): void
  /** Moves several members, in the given order, so that they stay contiguous whatever others insert. */
  moveAll(members: readonly Ref<unknown, { patch: never }>[], list: List, index?: number): void

  /** Inserts text or items at an index. */
  insert<C>(ref: Ref<unknown, { insert: C }>, index: number, content: C): void
  /** Removes `length` characters or items from an index. */
  remove(ref: Ref<unknown, { remove: true }>, index: number, length: number): void
  /** Moves one item of a list ref. */
  reorder(ref: Ref<unknown, { move: true }>, from: number, to: number): void
}
