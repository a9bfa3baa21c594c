import type { PlainStore } from '@syncline/store'
import { StoreError } from '@syncline/store'
import type * as Y from 'yjs'
import type { BoundTextPolicy, TextRef } from './policy.ts'
import { awarenessOf } from './presence.ts'
import { openTextAwareness } from './text-awareness.ts'
import type { TextAwareness } from './text-awareness.ts'

/** The live document behind a text ref: what an editor binding works on. */
export interface TextDocument {
  /** The text. Edits made on it directly become one Change for each task. Another object after a reset. */
  readonly text: Y.Text
  /** The document that holds the text under the key `text`, and nothing else. Another object after a reset. */
  readonly doc: Y.Doc
  /** Who is here, with the cursors in this text only; undefined when the store has no presence by {@link yjsPresence}. */
  readonly awareness: TextAwareness | undefined
  /**
   * Calls `listener` after the document was made anew, because the relay refused a Change in it: bind the editor to the new `text`.
   * Returns `unsubscribe`.
   */
  onReset(listener: () => void): () => void
  /** Commits what was edited, and lets go. The document is destroyed with its last handle. A second call does nothing. */
  close(): void
}

/**
 * Opens the live document of a text ref, loaded, to be edited by a Yjs editor binding such as y-codemirror.next.
 *
 * What is typed is in the store's next Change before the task is over; what others write appears in the text. Direct edits cannot be
 * refused, so what a plain text cannot hold (embeds, formats, half characters) is taken out again, reported, and `onReset` is called.
 * Open the same ref as often as you like: all handles share one document. Throws `StoreError` `no-document` for any other ref.
 * Cost: one pass over the updates of the text, unless it is open.
 *
 * @example
 * import { openStore } from '@syncline/store'
 * import { openText, text } from '@syncline/yjs'
 *
 * const store = await openStore({ space: 'example' })
 * const note = text('note')
 * const opened = openText(store, note)
 * opened.text.insert(0, 'typed in an editor')
 * await Promise.resolve()
 * expect(store.get(note)).toBe('typed in an editor')
 *
 * store.transact((tx) => tx.set(note, 'written in a transaction'))
 * expect(opened.text.toString()).toBe('written in a transaction')
 * opened.close()
 * await store.close()
 */
export function openText(store: PlainStore, ref: TextRef): TextDocument {
  const policy = store.policyOf(ref)
  if (!('live' in policy && 'release' in policy)) {
    throw new StoreError(
      'no-document',
      `"${ref.address}" is a "${ref.policy.tag}" ref and has no live document. openText() opens refs made by text() of @syncline/yjs.`,
    )
  }
  const bound = policy as BoundTextPolicy
  const live = bound.live(ref.address)
  live.handles++
  const presence = awarenessOf(store)
  const awareness = presence === undefined ? undefined : openTextAwareness(presence, ref.address)
  const unsubscribes = new Set<() => void>()
  let open = true

  return {
    get text() {
      return live.text
    },
    get doc() {
      return live.doc
    },
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
