import type { PlainStore, Store } from '@syncline/store'
import { createContext, useContext, useEffect, useState, type ReactNode } from 'react'
import { ReactBindingError } from './errors.ts'

/** What {@link SynclineProvider} takes. */
export interface SynclineProviderProps {
  /** The store, or the promise that `openStore` or `openLean` gave. Open it outside of components: a new promise is a new store. */
  readonly store: PlainStore | Promise<PlainStore>
  /** Shown while the store is being opened. */
  readonly fallback?: ReactNode
  /** Shown when it could not be opened. Without it the error is thrown, for the error boundary around the provider. */
  readonly error?: (error: unknown) => ReactNode
  readonly children?: ReactNode
}

/** What became of a promise of a store. */
type Opening =
  | { readonly of: Promise<PlainStore>; readonly store: PlainStore }
  | { readonly of: Promise<PlainStore>; readonly store?: undefined; readonly error: unknown }

const StoreContext = createContext<PlainStore | undefined>(undefined)

/**
 * Gives the components inside it a store to read and write.
 *
 * It never closes the store: whoever opened it does. Another `store` takes the place of the first, with all subscriptions.
 * Throws `ReactBindingError` `no-store` for what is no store, and without `error` what the promise was rejected with.
 *
 * @example
 * import { lww } from '@syncline/merge'
 * import { openStore } from '@syncline/store'
 * import { createElement } from 'react'
 * import { renderToString } from 'react-dom/server'
 *
 * const title = lww('title', 'Plan')
 * const Board = () => createElement('h1', null, useValue(title))
 * // In an app: <SynclineProvider store={openStore(…)} fallback="Opening …"><Board /></SynclineProvider>
 * const within = (store) => createElement(SynclineProvider, { store, fallback: 'Opening …' }, createElement(Board))
 *
 * const opening = openStore({ space: 'board' })
 * expect(renderToString(within(opening))).toBe('Opening …')
 * const store = await opening
 * expect(renderToString(within(store))).toBe('<h1>Plan</h1>')
 * await store.close()
 */
export function SynclineProvider({ store, fallback, error, children }: SynclineProviderProps): ReactNode {
  const opening = useOpening(store)
  if (!isPromise(store)) return <StoreContext.Provider value={store}>{children}</StoreContext.Provider>
  if (opening?.of !== store) return fallback
  if (opening.store !== undefined)
    return <StoreContext.Provider value={opening.store}>{children}</StoreContext.Provider>
  if (error === undefined) throw opening.error
  return error(opening.error)
}

/** What became of the newest promise; undefined while nothing has. */
function useOpening(store: PlainStore | Promise<PlainStore>): Opening | undefined {
  const [opening, setOpening] = useState<Opening>()
  useEffect(() => {
    if (!isPromise(store)) return undefined
    let isCurrent = true
    const settle = (next: Opening): void => {
      if (isCurrent) setOpening(next)
    }
    store.then(
      (opened) => settle({ of: store, store: opened }),
      (error: unknown) => settle({ of: store, error }),
    )
    return () => {
      isCurrent = false
    }
  }, [store])
  return opening
}

function isPromise(store: PlainStore | Promise<PlainStore>): store is Promise<PlainStore> {
  if (typeof store === 'object' && store !== null) return 'then' in store
  throw new ReactBindingError(
    'no-store',
    `<SynclineProvider> was given ${String(store)} as its store. Give it what openStore() returned: the promise, or the store.`,
  )
}

/**
 * The store of the nearest provider, for what the other hooks do not do. Of a lean store say the type: `useStore<Lean>()`. Throws
 * `ReactBindingError` `no-provider` where there is none.
 *
 * @example
 * import { openStore } from '@syncline/store'
 * import { createElement } from 'react'
 *
 * function LinkSwitch() {
 *   const store = useStore()
 *   const isOff = useStatus((status) => status.link === 'off')
 *   const onClick = () => (isOff ? store.connect() : store.disconnect())
 *   return createElement('button', { onClick }, isOff ? 'Go online' : 'Go offline')
 * }
 * const store = await openStore({ space: 'board' })
 * expect(page(store, LinkSwitch)).toBe('<button>Go online</button>')
 * await store.close()
 */
export function useStore<S extends PlainStore = Store>(): S {
  const store = useContext(StoreContext)
  // What the provider has is known to the app, not to the hook; what a store lacks is not there when it is called.
  if (store !== undefined) return store as S
  throw new ReactBindingError(
    'no-provider',
    'There is no store here: this component is not inside a <SynclineProvider>. Render it inside one. ' +
      'If it is, the page holds two copies of @syncline/react: let the bundler resolve it to one.',
  )
}
