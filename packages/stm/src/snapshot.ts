import type { Arbiter, Basis } from './change.ts'
import type { Collection, Readable, Writes } from './ref.ts'

/** Everything at one basis, as an immutable value: valid for ever, whatever is committed later. */
export interface Snapshot {
  readonly basis: Basis
  /** The value of a ref, the ids of a collection or of a list. The same object for the same state. */
  get<V>(readable: Readable<V>): V
  /** The members of a collection as `[id, value]`, ascending by id. */
  items<V>(collection: Collection<V, Writes, Arbiter>): Iterable<readonly [string, V]>
}
