import type { Readable } from '@syncline/stm'
import type { Loaded, Store } from '@syncline/store'
import { useEffect, useState } from 'react'

/** What came of loading something; it is there as long as the effect that has loaded it. */
type Held =
  | { readonly of: Pick<Store, 'load'>; readonly key: string; readonly isLoaded: true }
  | { readonly of: Pick<Store, 'load'>; readonly key: string; readonly isLoaded: false; readonly error: unknown }

/** Loads something while the component is there. Throws what loading it was rejected with. */
export function useHeld(store: Pick<Store, 'load'>, readable: Readable<unknown>): boolean {
  const { key } = readable
  const [held, setHeld] = useState<Held>()
  useEffect(() => {
    let loaded: Loaded | undefined
    let isOver = false
    store.load(readable).then(
      (one) => {
        if (isOver) one.release()
        else {
          loaded = one
          setHeld({ of: store, key, isLoaded: true })
        }
      },
      (error: unknown) => {
        if (!isOver) setHeld({ of: store, key, isLoaded: false, error })
      },
    )
    return () => {
      isOver = true
      // A component that is hidden and shown again has its state and not what it held.
      setHeld(undefined)
      loaded?.release()
    }
    // A readable is known by its key: one that was made again in this render is the one that is loaded already.
    // oxlint-disable-next-line react/exhaustive-deps
  }, [store, key])
  if (held?.of !== store || held.key !== key) return false
  if (!held.isLoaded) throw held.error
  return true
}
