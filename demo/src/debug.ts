import type { Store } from '@syncline/store'
import { allColumns, cards, columns, note } from './board/schema.ts'
import { description } from './description/description.ts'

/**
 * What `window.syncline` gives to the developer console and to tests: the live store of this page and the refs of its data.
 * A debugging aid; the app itself never reads it.
 */
export interface SynclineDebug {
  readonly store: Store
  readonly columns: typeof columns
  readonly cards: typeof cards
  readonly allColumns: typeof allColumns
  readonly note: typeof note
  readonly description: typeof description
}

declare global {
  interface Window {
    syncline?: SynclineDebug
  }
}

export function exposeForDebugging(store: Store): void {
  window.syncline = { store, columns, cards, allColumns, note, description }
}
