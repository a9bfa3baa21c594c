import type { PlainStore } from '@syncline/store'
import { StoreError } from '@syncline/store'
import type * as Y from 'yjs'
import type { BoundTextPolicy, TextRef } from './policy.ts'
import { awarenessOf } from './presence.ts'
import { listenerFailed } from './replica.ts'
import { openTextAwareness } from './text-awareness.ts'
import type { TextAwareness } from './text-awareness.ts'
import { openRoom } from './text-room.ts'

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
  /**
   * How many bytes of UTF-8 fit before the text has the `maxBytes` of its ref: zero or less when it is full, `Infinity` without a limit. An
   * edit that is made directly cannot be refused, so an editor asks before it makes one that writes more. Cost: a count of the characters.
   */
  readonly roomBytes: number
  /**
   * Calls `listener` with true when the text is full and with false when there is room again, whoever wrote or deleted. An editor is
   * to take no more then, and to let people delete. Returns `unsubscribe`.
   *
   * @example
   * import { openStore } from '@syncline/store'
   * import { openText, text } from '@syncline/yjs'
   *
   * const store = await openStore({ space: 'example' })
   * const opened = openText(store, text('note', { maxBytes: 12 }))
   * opened.onFull((isFull) => opened.text.insert(0, isFull ? '!' : ''))
   * opened.text.insert(0, '0123456789')
   * expect([opened.roomBytes, opened.text.toString()]).toEqual([-1, '!0123456789'])
   * opened.close()
   * await store.close()
   */
  onFull(listener: (isFull: boolean) => void): () => void
  /** Commits what was edited, and lets go. The document is destroyed with its last handle. A second call does nothing. */
  close(): void
}

/**
 * Opens the live document of a text ref, loaded, to be edited by a Yjs editor binding such as y-codemirror.next.
 *
 * What is typed is in the store's next Change before the task is over; what others write appears in the text. Direct edits cannot be
 * refused, so what a plain text cannot hold (embeds, formats, half characters) is taken out again, reported, and `onReset` is called. Of what
 * the ref's schema or `maxBytes` forbid `onViolation` of the store tells; `onFull` tells when it is time to stop.
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
  const room = openRoom(live, ref.options.maxBytes, (error) => live.report(listenerFailed(error)))
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
    get roomBytes() {
      return room.roomBytes
    },
    onFull: (listener) => room.onFull(listener),
    close() {
      if (!open) return
      open = false
      room.close()
      for (const unsubscribe of unsubscribes) unsubscribe()
      awareness?.close()
      bound.release(live)
    },
  }
}
