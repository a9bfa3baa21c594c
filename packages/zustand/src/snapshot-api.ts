import type { Snapshot } from '@syncline/stm'
import { everything, type PlainStore } from '@syncline/store'
import type { StoreApi } from 'zustand/vanilla'
import { ZustandBindingError } from './errors.ts'

/** A zustand `StoreApi` whose state is the Snapshot. */
export interface SnapshotApi extends Omit<StoreApi<Snapshot>, 'setState'> {
  /** Takes nothing and always throws `ZustandBindingError` `read-only`: a Snapshot is written by `store.transact`. */
  setState(state: never, replace?: boolean): never
}

/**
 * A whole store as a zustand `StoreApi`: the state is the Snapshot, and a selector reads from it what it likes.
 *
 * The state is the same object until something changes. As in zustand, every listener is called after every commit and every
 * selector runs; where many components watch single refs, `storeApi` and the hooks of `@syncline/react` cost less.
 *
 * @example
 * import { counter } from '@syncline/merge'
 * import { openStore } from '@syncline/store'
 *
 * const likes = counter('likes')
 * const store = await openStore({ space: 'board' })
 * const api = snapshotApi(store)
 * const seen: number[] = []
 * api.subscribe((snapshot, previous) => seen.push(snapshot.get(likes) - previous.get(likes)))
 * store.transact((tx) => tx.add(likes, 3))
 * expect(seen).toEqual([3])
 * await store.close()
 */
export function snapshotApi(store: Pick<PlainStore, 'snapshot' | 'changes'>): SnapshotApi {
  const initial = store.snapshot
  return {
    getState: () => store.snapshot,
    getInitialState: () => initial,
    setState(): never {
      throw new ZustandBindingError(
        'read-only',
        'setState cannot replace a Snapshot, which is everything at one moment. Write refs in store.transact(), ' +
          'or make an api with storeApi(store, shape), whose setState writes the refs of its shape.',
      )
    },
    subscribe: (listener) => store.changes(everything, ({ now, before }) => listener(now, before)),
  }
}
