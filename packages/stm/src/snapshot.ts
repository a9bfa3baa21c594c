import type { Arbiter, Basis } from './change.ts'
import type { Reading } from './reading.ts'
import type { Collection, Readable, Ref, Writes } from './ref.ts'

/**
 * Everything at one basis, as an immutable value: valid for ever, whatever is committed later.
 *
 * @example
 * import { collection } from '@syncline/merge'
 * import { openStore } from '@syncline/store'
 *
 * const cards = collection('cards', { title: '' })
 * const store = await openStore({ space: 'board' })
 * store.transact((tx) => tx.create(cards.at('a'), { title: 'A' }))
 * const before = store.snapshot
 * store.transact((tx) => tx.delete(cards.at('a')))
 * expect([...before.items(cards)]).toEqual([['a', { title: 'A' }]])
 * expect([before.get(cards), store.snapshot.get(cards)]).toEqual([['a'], []])
 * await store.close()
 */
export interface Snapshot {
  readonly basis: Basis
  /** The value of a ref, the ids of a collection or of a list. The same object for the same state. */
  get<V>(readable: Readable<V>): V
  /** What `get` gives, judged by the schema of the ref: what others wrote may be invalid. Cost: the schema is asked each time. */
  read<V>(ref: Ref<V, Writes, Arbiter>): Reading<V>
  /** The members of a collection as `[id, value]`, ascending by id. */
  items<V>(collection: Collection<V, Writes, Arbiter>): Iterable<readonly [string, V]>
}
