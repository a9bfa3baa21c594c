import { deleteDatabase, indexedDb } from '@syncline/idb'
import { SynclineProvider } from '@syncline/react'
import { openStore, type Status, type Store } from '@syncline/store'
import type { ReactNode } from 'react'
import { afterEach } from 'vitest'
import { cleanup, render, type RenderResult } from 'vitest-browser-react'
import { NoticesProvider } from '../src/parts/Notices.tsx'
import { ReloadProvider } from '../src/saving/Reload.tsx'
import { databaseOf } from '../src/shell/opening.ts'

const stores: Store[] = []
let boards = 0

/** A board of its own, stored as the app stores one, and linked to nobody. */
export async function openBoardHere(space = `test-${++boards}-${Date.now()}`): Promise<Store> {
  const store = await openStore({ space, storage: indexedDb(databaseOf(space)), onError: () => undefined })
  stores.push(store)
  return store
}

afterEach(async () => {
  await cleanup()
  for (const store of stores.splice(0)) {
    await store.close()
    await deleteDatabase(databaseOf(store.space))
  }
})

/** A store that says of itself what a test wants it to say. */
export interface Saying {
  readonly store: Store
  say(status: Partial<Status>): void
}

/** All else is as in `store`. */
export function sayingOf(store: Store, said: Partial<Status> = {}): Saying {
  let status: Status = { ...store.status, ...said }
  const listeners = new Set<(status: Status) => void>()
  return {
    say(next) {
      status = { ...store.status, ...next }
      for (const listener of listeners) listener(status)
    },
    store: new Proxy(store, {
      get(target, key) {
        if (key === 'status') return status
        if (key !== 'onStatus') return Reflect.get(target, key, target)
        return (listener: (now: Status) => void) => {
          listeners.add(listener)
          return () => listeners.delete(listener)
        }
      },
    }),
  }
}

/** Shows a part of the app as it is within the app. */
export function show(store: Store, children: ReactNode): Promise<RenderResult> {
  return render(
    <SynclineProvider store={store}>
      <NoticesProvider>
        <ReloadProvider>{children}</ReloadProvider>
      </NoticesProvider>
    </SynclineProvider>,
  )
}
