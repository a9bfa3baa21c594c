import type { Arbiter, Basis } from './change.ts'
import type { Reading } from './reading.ts'
import type { Collection, Readable, Ref, Writes } from './ref.ts'
import type { Tx } from './transaction.ts'

/**
 * Everything at one basis, as an immutable value: valid for ever, whatever is committed later. Its methods belong to it: call
 * `snapshot.get(ref)`, for `const { get } = snapshot` gives what throws `StmError` `detached-method`.
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
  /**
   * The point of history that it stands at. Snapshots that are not speculative and have equal bases read the same, on any replica, whenever
   * they were taken. Of a speculative one it is the basis under what was not committed.
   */
  readonly basis: Basis
  /** Whether it answers "what if": a body lies on top of its basis that nobody has committed. */
  readonly isSpeculative: boolean
  /** The value of a ref, the ids of a collection or of a list. The same object for the same state. */
  get<V>(readable: Readable<V>): V
  /** What `get` gives, judged by the schema of the ref: what others wrote may be invalid. Cost: the schema is asked each time. */
  read<V>(ref: Ref<V, Writes, Arbiter>): Reading<V>
  /** The members of a collection as `[id, value]`, ascending by id. */
  items<V>(collection: Collection<V, Writes, Arbiter>): Iterable<readonly [string, V]>
  /**
   * A Snapshot that reads as this one would if `body` had been committed on it. Nothing is committed: no store, no memory and no live document
   * hears of it, effects and sends are forgotten, and what the body throws is thrown on. Refs of every arbiter can be written. What depends on
   * chance, as sort keys in lists do, may be other than what a commit makes; the order is the same. A body that writes nothing gives this very
   * Snapshot.
   *
   * Throws `StmError` as `transact` does. Cost: what the body writes, and what this Snapshot has from such bodies; of a text that is written,
   * its whole history.
   *
   * @example
   * import { createMemory } from '@syncline/stm'
   *
   * const [left, right] = [register('left', 3), register('right', 0)]
   * const { snapshot } = createMemory()
   * const moved = snapshot.with((tx) => {
   *   tx.set(right, tx.get(left))
   *   tx.set(left, 0)
   * })
   * expect([moved.get(left), moved.get(right), snapshot.get(left)]).toEqual([0, 3, 3])
   * expect(moved.with((tx) => tx.set(left, 1)).get(left)).toBe(1)
   */
  with(body: (tx: Tx<Arbiter>) => unknown): Snapshot
}

/** The members of a collection as `[id, value]`, ascending by id, read through anything that reads. */
export function* itemsOf<V>(
  reader: { get<R>(readable: Readable<R>): R },
  collection: Collection<V, Writes, Arbiter>,
): Iterable<readonly [string, V]> {
  for (const id of reader.get(collection)) {
    const value = reader.get(collection.at(id))
    // In a transaction a member can be deleted while its collection is walked.
    if (value !== undefined) yield [id, value]
  }
}
