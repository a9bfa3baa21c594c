import type * as Y from 'yjs'
import { removedIn } from './characters.ts'
import type { Removed } from './text-inverse.ts'

/** What was noted of updates of this session when they were made: their bytes have only the ids. */
const noted = new WeakMap<Uint8Array, readonly Removed[]>()

/** Notes what an update has deleted; undefined when that was nothing. */
export function noteRemoved(update: Uint8Array, removed: readonly Removed[] | undefined): void {
  if (removed !== undefined) noted.set(update, removed)
}

/** Notes that an update does what several did. */
export function noteMerged(update: Uint8Array, merged: readonly Uint8Array[]): void {
  if (merged.some((one) => noted.has(one)))
    noted.set(
      update,
      merged.flatMap((one) => noted.get(one) ?? []),
    )
}

/** What an update has deleted; undefined when that was not noted. */
export function removedBy(update: Uint8Array): readonly Removed[] | undefined {
  return noted.get(update)
}

/**
 * Watches what is deleted in a document, unless the transaction has this origin. Returns what a transaction has deleted; undefined when that
 * was nothing.
 */
export function watchRemovals(
  doc: Y.Doc,
  except?: unknown,
): (transaction: Y.Transaction) => readonly Removed[] | undefined {
  const seen = new WeakMap<Y.Transaction, readonly Removed[]>()
  doc.on('beforeObserverCalls', (transaction: Y.Transaction) => {
    if (transaction.deleteSet.clients.size === 0) return
    if (except === undefined || transaction.origin !== except) seen.set(transaction, removedIn(transaction))
  })
  return (transaction) => seen.get(transaction)
}
