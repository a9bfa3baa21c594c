import type { Readable, Ref, Snapshot } from '@syncline/stm'
import type { Status, Store } from '@syncline/store'
import { useMemo } from 'react'
import { useStore } from './provider.tsx'
import { identity, presenceOf, useSelected, watched, type PresenceNow } from './source.ts'

/**
 * The value of a ref, the ids of a collection or of a list, or what `selector` makes of it.
 *
 * The component renders again when, and only when, that is another value: by `Object.is`, or as `equal` says. It is called
 * for commits that touched `readable` only. Refs and selectors may be made in the render: a ref is known by its key.
 *
 * @example no-run: JSX
 * function Title({ id }: { id: string }) {
 *   const title = useValue(cards.at(id), (card) => card?.title)
 *   return <h2>{title ?? 'This card is gone.'}</h2>
 * }
 */
export function useValue<V>(readable: Ref<V> | Readable<V>, selector?: undefined, equal?: (a: V, b: V) => boolean): V
export function useValue<V, T>(
  readable: Ref<V> | Readable<V>,
  selector: (value: V) => T,
  equal?: (a: T, b: T) => boolean,
): T
export function useValue(
  readable: Readable<unknown>,
  selector: (value: unknown) => unknown = identity,
  equal: (a: unknown, b: unknown) => boolean = Object.is,
): unknown {
  const store = useStore()
  const source = useMemo(
    () => ({
      read: () => store.get(readable),
      subscribe: (onChange: () => void) => store.changes(readable, onChange),
    }),
    // A ref is known by its key: one that was made again in this render is the ref that is subscribed to already.
    // oxlint-disable-next-line react/exhaustive-deps
    [store, readable.key],
  )
  return useSelected(source, selector, equal)
}

/**
 * What `selector` makes of the whole snapshot: several refs, collections and lists, as they stand after one commit.
 *
 * Subscribes to what the selector read while it ran, and to nothing else; renders again when, and only when, the result is
 * another value, by `Object.is` or as `equal` says. Read inside the selector: what is read later from a snapshot that it
 * returned is not noticed. A selector made in the render runs, and subscribes, anew in each render.
 *
 * @example no-run: JSX
 * function Total() {
 *   const total = useSnapshot((snapshot) => snapshot.get(savings) + snapshot.get(wallet))
 *   return <output>{total}</output>
 * }
 */
export function useSnapshot<T>(selector: (snapshot: Snapshot) => T, equal: (a: T, b: T) => boolean = Object.is): T {
  const store = useStore()
  const source = useMemo(() => watched(store, selector), [store, selector])
  return useSelected(source, identity, equal)
}

/**
 * `store.transact` as one function that stays the same in every render. For event handlers and effects: a render writes nothing.
 *
 * @example no-run: JSX
 * function Like() {
 *   const transact = useTransact()
 *   return <button onClick={() => transact((tx) => tx.add(likes, 1))}>Like</button>
 * }
 */
export function useTransact(): Store['transact'] {
  const store = useStore()
  return useMemo<Store['transact']>(() => (body, options) => store.transact(body, options), [store])
}

/**
 * Where the data is and how the link is doing, or what `selector` makes of it; renders again when that changed.
 *
 * @example no-run: JSX
 * function Saved() {
 *   const saved = useStatus((status) => status.saved)
 *   return <p>{saved === 'relay' ? 'Everybody has it.' : 'Only this device has it.'}</p>
 * }
 */
export function useStatus(): Status
export function useStatus<T>(selector: (status: Status) => T, equal?: (a: T, b: T) => boolean): T
export function useStatus(
  selector: (status: Status) => unknown = identity,
  equal: (a: unknown, b: unknown) => boolean = Object.is,
): unknown {
  const store = useStore()
  const source = useMemo(
    () => ({ read: () => store.status, subscribe: (onChange: () => void) => store.onStatus(onChange) }),
    [store],
  )
  return useSelected(source, selector, equal)
}

/**
 * Who is here, and `set` to say something of ourselves; renders again when somebody changed, or when what `selector` makes of it did.
 * People who move render nobody who reads documents. Throws `StoreError` `no-presence` when the store was opened without presence.
 *
 * @example no-run: JSX
 * function Crowd() {
 *   const count = usePresence(({ peers }) => peers.size)
 *   return <p>{count} here</p>
 * }
 */
export function usePresence(): PresenceNow
export function usePresence<T>(selector: (presence: PresenceNow) => T, equal?: (a: T, b: T) => boolean): T
export function usePresence(
  selector: (presence: PresenceNow) => unknown = identity,
  equal: (a: unknown, b: unknown) => boolean = Object.is,
): unknown {
  const store = useStore()
  const source = useMemo(() => presenceOf(store.presence), [store])
  return useSelected(source, selector, equal)
}
