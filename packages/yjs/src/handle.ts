import type { PlainStore } from '@syncline/store'
import { StoreError } from '@syncline/store'
import type { AnyRef } from '@syncline/stm'
import type * as Y from 'yjs'
import { openDocumentAwareness } from './document-awareness.ts'
import type { DocumentAwareness } from './document-awareness.ts'
import type { BoundDocuments } from './bound.ts'
import type { LiveDocument } from './live.ts'
import { awarenessOf } from './presence.ts'

/** What every handle on a live document has. */
export interface DocumentHandle {
  /** The Yjs document. Another object after a reset. */
  readonly doc: Y.Doc
  /** Who is here, with the cursors in this document only; undefined when the store has no presence by {@link yjsPresence}. */
  readonly awareness: DocumentAwareness | undefined
  /**
   * Calls `listener` after the document was made anew, because the relay refused a Change in it or a direct edit could not be kept: bind the
   * editor to what the handle has now. Returns `unsubscribe`.
   */
  onReset(listener: () => void): () => void
  /** Commits what was edited, and lets go. The document is destroyed with its last handle. A second call does nothing. */
  close(): void
}

/** One more handle on the live document of a ref. Throws `StoreError` `no-document`, with `advice`, when there cannot be one. */
export function openHandle<L extends LiveDocument<unknown>>(
  store: PlainStore,
  ref: AnyRef,
  tag: string,
  advice: string,
): Omit<DocumentHandle, 'doc'> & { readonly live: L } {
  const policy = store.policyOf(ref)
  if (policy.tag !== tag || !('live' in policy && 'release' in policy)) {
    throw new StoreError(
      'no-document',
      `"${ref.address}" is a "${ref.policy.tag}" ref and has no such live document. ${advice}`,
    )
  }
  // What has this tag and live documents was bound by this package.
  const bound = policy as BoundDocuments<unknown, never, L>
  const live = bound.live(ref.address)
  live.handles++
  const presence = awarenessOf(store)
  const awareness = presence && openDocumentAwareness(presence, live.cursorPlace)
  const unsubscribes = new Set<() => void>()
  let open = true

  return {
    live,
    awareness,
    onReset(listener) {
      const remove = live.onReset(listener)
      const unsubscribe = (): void => {
        unsubscribes.delete(unsubscribe)
        remove()
      }
      unsubscribes.add(unsubscribe)
      return unsubscribe
    },
    close() {
      if (!open) return
      open = false
      for (const unsubscribe of unsubscribes) unsubscribe()
      awareness?.close()
      bound.release(live)
    },
  }
}
