import { deleteDatabase, guardUnload, indexedDb } from '@syncline/idb'
import type { Repaired } from '@syncline/idb/care'
import { openStore, type Store } from '@syncline/store'
import { websocket } from '@syncline/websocket'
import { yjsPresence } from '@syncline/yjs'
import { cards, columns } from '../board/schema.ts'

/** The space that the address names. */
export function spaceOfPage(): string {
  return new URLSearchParams(location.search).get('space') || 'board'
}

/** One database for each space, so that starting over with one leaves the others alone. */
export const databaseOf = (space: string): string => `demo-${space}`

export async function openBoard(space: string): Promise<Store> {
  const store = await openStore({
    space,
    storage: indexedDb(databaseOf(space)),
    transport: websocket('/sync'),
    presence: yjsPresence(),
    // What the board shows first. A long list is sorted while the page can still do other things.
    ready: [columns, cards],
  })
  guardUnload(store)
  return store
}

/** Sets aside what this device has stored of a board and nobody can read. The board may be open. */
export async function repairDevice(space: string): Promise<Repaired> {
  const { repairDatabase } = await import('@syncline/idb/care')
  return repairDatabase(databaseOf(space))
}

/** Closes the store, deletes what this device has of its board, and loads the page again. */
export async function startOver(store: Store): Promise<void> {
  await store.close()
  await deleteAndReload(store.space)
}

/** Deletes what this device has of a board that is not open here, and loads the page again. */
async function deleteAndReload(space: string): Promise<void> {
  await deleteDatabase(databaseOf(space))
  location.reload()
}
