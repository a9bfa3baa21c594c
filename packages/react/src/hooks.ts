import type { Readable, Ref, Snapshot } from '@syncline/stm'
import type { PlainStore, Status, Store } from '@syncline/store'
import { useMemo } from 'react'
import { ReactBindingError } from './errors.ts'
import { useHeld } from './loaded.ts'
import { useStore } from './provider.tsx'
import {
  identity,
  presenceOf,
  undoOf,
  useSelected,
  valueOf,
  watched,
  type PresenceNow,
  type UndoNow,
} from './source.ts'

/** When a hook gives another value. */
export interface SelectOptions<T> {
  /** Whether two results are the same value. Default `Object.is`. */
  readonly equal?: (a: T, b: T) => boolean
}

/** When a hook that reads the store gives another value. */
export interface ReadOptions<T> extends SelectOptions<T> {
  /** At most one rendering in so many milliseconds, always ending with the latest. Components of one rate show one Snapshot. */
  readonly every?: number
}

/**
 * The value of a ref, the ids of a collection or of a list, or what `selector` makes of it.
 *
 * The component renders again when, and only when, that is another value: by `Object.is`, or as `equal` says. It is called
 * for commits that touched `readable` only. Refs and selectors may be made in the render: a ref is known by its key.
 * With `every` it renders at most once in so many milliseconds, for values that change faster than anybody reads.
 *
 * @example
 * import { collection } from '@syncline/merge'
 * import { openStore } from '@syncline/store'
 * import { createElement } from 'react'
 *
 * const cards = collection('cards', { title: '', done: false })
 * function Title() {
 *   const title = useValue(cards.at('c1'), (card) => card?.title)
 *   return createElement('h2', null, title ?? 'This card is gone.')
 * }
 * const store = await openStore({ space: 'board' })
 * expect(page(store, Title)).toBe('<h2>This card is gone.</h2>')
 * store.transact((tx) => tx.create(cards.at('c1'), { title: 'Plan' }))
 * expect(page(store, Title)).toBe('<h2>Plan</h2>')
 * await store.close()
 */
export function useValue<V>(readable: Ref<V> | Readable<V>, options?: ReadOptions<V>): V
export function useValue<V, T>(readable: Ref<V> | Readable<V>, selector: (value: V) => T, options?: ReadOptions<T>): T
export function useValue(
  readable: Readable<unknown>,
  ...how: [ReadOptions<unknown>?] | [(value: unknown) => unknown, ReadOptions<unknown>?]
): unknown {
  const [selector, { equal = Object.is, every } = {}] =
    typeof how[0] === 'function' ? [how[0], how[1]] : [identity, how[0]]
  const store = useStore<PlainStore>()
  const source = useMemo(
    () => valueOf(store, readable, every),
    // A ref is known by its key: one that was made again in this render is the ref that is subscribed to already.
    // oxlint-disable-next-line react/exhaustive-deps
    [store, readable.key, every],
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
 * @example
 * import { counter } from '@syncline/merge'
 * import { openStore } from '@syncline/store'
 * import { createElement } from 'react'
 *
 * const [savings, wallet] = [counter('savings'), counter('wallet')]
 * function Total() {
 *   const total = useSnapshot((snapshot) => snapshot.get(savings) + snapshot.get(wallet))
 *   return createElement('output', null, total)
 * }
 * const store = await openStore({ space: 'money' })
 * store.transact((tx) => (tx.add(savings, 5), tx.add(wallet, 2)))
 * expect(page(store, Total)).toBe('<output>7</output>')
 * await store.close()
 */
export function useSnapshot<T>(
  selector: (snapshot: Snapshot) => T,
  { equal = Object.is, every }: ReadOptions<T> = {},
): T {
  const store = useStore<PlainStore>()
  const source = useMemo(() => watched(store, selector, every), [store, selector, every])
  return useSelected(source, identity, equal)
}

/**
 * `store.transact` as one function that stays the same in every render. For event handlers and effects: a render writes nothing.
 *
 * @example
 * import { counter } from '@syncline/merge'
 * import { openStore } from '@syncline/store'
 * import { createElement } from 'react'
 *
 * const likes = counter('likes')
 * function Like() {
 *   const transact = useTransact()
 *   return createElement('button', { onClick: () => transact((tx) => tx.add(likes, 1)) }, 'Like')
 * }
 * const store = await openStore({ space: 'board' })
 * expect(page(store, Like)).toBe('<button>Like</button>')
 * await store.close()
 */
export function useTransact(): Store['transact'] {
  const store = useStore<PlainStore>()
  return useMemo<Store['transact']>(() => (body, options) => store.transact(body, options), [store])
}

/**
 * What this tab can undo and redo in a scope, the default one or another, and the ways to do it; renders again when `canUndo`, `canRedo` or
 * `isWaiting` has changed. `undo` and `redo` do what those of the store do, for steps on local refs; `undoAsync` and `redoAsync` take every step, and
 * `isWaiting` is true while one is decided. All four are the same functions in every render.
 *
 * @example
 * import { lww } from '@syncline/merge'
 * import { openStore } from '@syncline/store'
 * import { createElement } from 'react'
 *
 * const title = lww('title', '')
 * function UndoButton() {
 *   const { undo, canUndo } = useUndo()
 *   return createElement('button', { disabled: !canUndo, onClick: undo }, 'Undo')
 * }
 * const store = await openStore({ space: 'board' })
 * expect(page(store, UndoButton)).toBe('<button disabled="">Undo</button>')
 * store.transact((tx) => tx.set(title, 'Plan'))
 * expect(page(store, UndoButton)).toBe('<button>Undo</button>')
 * await store.close()
 */
export function useUndo(scope?: string): UndoNow {
  const store = useStore()
  const source = useMemo(() => undoOf(having(store, 'undoStack', 'undo').undoStack(scope)), [store, scope])
  return useSelected(source, identity, Object.is)
}

/**
 * Whether something that is on demand is in memory: false while it is loaded, and true from then on as long as the component is there. What is loaded may be read and
 * written by the component and those inside it; so let them render when it is true. When the component goes, nobody else holds it and this device has all of it, it leaves the memory again.
 *
 * What loading it is rejected with is thrown in the render, for the error boundary. Of what is not on demand it is true a moment after the first render.
 *
 * @example
 * import { collection } from '@syncline/merge'
 * import { memoryStorage, openStore } from '@syncline/store'
 * import { createElement } from 'react'
 *
 * const archive = collection('archive', { title: '' })
 * const Titles = () => createElement('p', null, `${useValue(archive).length} cards`)
 * function Archive() {
 *   return useLoaded(archive) ? createElement(Titles) : createElement('p', null, 'Loading …')
 * }
 * const store = await openStore({ space: 'board', storage: memoryStorage(), onDemand: [archive] })
 * expect(page(store, Archive)).toBe('<p>Loading …</p>')
 * await store.close()
 */
export function useLoaded(readable: Readable<unknown>): boolean {
  return useHeld(having(useStore(), 'load', 'onDemand'), readable)
}

/**
 * Where the data is, whether the browser keeps it there, and how the link is doing, or what `selector` makes of it; renders again when that changed.
 *
 * @example
 * import { memoryStorage, openStore } from '@syncline/store'
 * import { createElement } from 'react'
 *
 * function Saved() {
 *   const saved = useStatus((status) => status.saved)
 *   return createElement('p', null, saved === 'relay' ? 'Everybody has it.' : 'Only this device has it.')
 * }
 * const store = await openStore({ space: 'board', storage: memoryStorage() })
 * expect(page(store, Saved)).toBe('<p>Only this device has it.</p>')
 * await store.close()
 */
export function useStatus(): Status
export function useStatus<T>(selector: (status: Status) => T, options?: SelectOptions<T>): T
export function useStatus(
  selector: (status: Status) => unknown = identity,
  { equal = Object.is }: SelectOptions<unknown> = {},
): unknown {
  const store = useStore<PlainStore>()
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
 * @example
 * import { openStore } from '@syncline/store'
 * import { yjsPresence } from '@syncline/yjs'
 * import { createElement } from 'react'
 *
 * function Crowd() {
 *   const count = usePresence(({ peers }) => peers.size)
 *   return createElement('p', null, `${count} here`)
 * }
 * const store = await openStore({ space: 'board', presence: yjsPresence() })
 * expect(page(store, Crowd)).toBe('<p>1 here</p>')
 * await store.close()
 */
export function usePresence(): PresenceNow
export function usePresence<T>(selector: (presence: PresenceNow) => T, options?: SelectOptions<T>): T
export function usePresence(
  selector: (presence: PresenceNow) => unknown = identity,
  { equal = Object.is }: SelectOptions<unknown> = {},
): unknown {
  const store = useStore()
  const source = useMemo(() => presenceOf(having(store, 'presence', 'presence').presence), [store])
  return useSelected(source, selector, equal)
}

/** A store that has a member of a part. Throws `ReactBindingError` `no-part` for one that was opened without it. */
function having(store: Store, member: keyof Store, part: string): Store {
  if (member in store) return store
  throw new ReactBindingError(
    'no-part',
    `This hook needs the part \`${part}\`, and the store of the provider was opened without it. Name it in the \`parts\` of openLean(), or use openStore(), which has all.`,
  )
}
