import {
  openStore,
  type ChangesOptions,
  type Report,
  type Selector,
  type Store,
  type StoreOptions,
} from '@syncline/store'
import { act, type ReactNode } from 'react'
import { afterEach, assert, vi, type MockInstance } from 'vitest'
import { cleanup, render, type RenderResult } from 'vitest-browser-react'
import { SynclineProvider } from '../src/index.ts'

const stores: Store[] = []
let spaces = 0

/** A store in memory, closed after the test. */
export async function open(options: Partial<StoreOptions> = {}): Promise<Store> {
  const store = await openStore({ space: `test-${++spaces}`, ...options })
  stores.push(store)
  return store
}

/** React reports what it finds wrong with a component through console.error; in these tests it must find nothing. */
export const complaints: MockInstance<typeof console.error> = vi
  .spyOn(console, 'error')
  .mockImplementation(() => undefined)

afterEach(async () => {
  // First the page: effects that React still owes it would subscribe to a store that is closed.
  await cleanup()
  for (const store of stores.splice(0)) await store.close()
  assert.deepEqual(complaints.mock.calls.splice(0), [])
})

/** Does something and everything that React does because of it. */
export async function acting(fn: () => unknown): Promise<void> {
  const flags = globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }
  flags.IS_REACT_ACT_ENVIRONMENT = true
  try {
    await act(async () => {
      await fn()
    })
  } finally {
    flags.IS_REACT_ACT_ENVIRONMENT = false
  }
}

/** A promise and the two ways to settle it. */
export interface Settleable<T> {
  readonly promise: Promise<T>
  readonly resolve: (value: T) => void
  readonly reject: (error: unknown) => void
}

export function settleable<T>(): Settleable<T> {
  let resolve!: (value: T) => void
  let reject!: (error: unknown) => void
  const promise = new Promise<T>((onResolved, onRejected) => {
    resolve = onResolved
    reject = onRejected
  })
  return { promise, resolve, reject }
}

/** Counts renders. */
export function tally(): { count(): void; total(): number } {
  let total = 0
  return { count: () => void (total += 1), total: () => total }
}

/** Renders inside a provider. */
export function show(store: Store | Promise<Store>, children: ReactNode): Promise<RenderResult> {
  return render(<SynclineProvider store={store}>{children}</SynclineProvider>)
}

/** A store that counts the subscriptions made by way of it. */
export interface Counted {
  readonly store: Store
  /** How many there are now. */
  open(): number
  /** How many were ever made. */
  made(): number
  /** How often one of them was called. */
  calls(): number
}

export function counted(store: Store): Counted {
  let open = 0
  let made = 0
  let calls = 0

  function counting<E extends unknown[]>(subscribe: (listener: (...event: E) => void) => () => void) {
    return (listener: (...event: E) => void): (() => void) => {
      const unsubscribe = subscribe((...event) => {
        calls += 1
        listener(...event)
      })
      open += 1
      made += 1
      let active = true
      return () => {
        if (active) open -= 1
        active = false
        unsubscribe()
      }
    }
  }

  const counts: Partial<Store> = {
    // Hooks use the form with a listener only.
    changes: ((selector: Selector, listener: (report: Report<unknown>) => void, options?: ChangesOptions) =>
      counting<[Report<unknown>]>((own) => store.changes(selector, own, options))(listener)) as Store['changes'],
    onStatus: counting((listener) => store.onStatus(listener)),
  }
  return {
    store: new Proxy(store, {
      get: (target, key) => (key in counts ? Reflect.get(counts, key) : Reflect.get(target, key, target)),
    }),
    open: () => open,
    made: () => made,
    calls: () => calls,
  }
}
