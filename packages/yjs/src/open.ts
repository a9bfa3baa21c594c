import type { PlainStore } from '@syncline/store'
import type * as Y from 'yjs'
import { openHandle } from './handle.ts'
import type { DocumentHandle } from './handle.ts'
import type { LiveText } from './live-text.ts'
import { TAG } from './policy.ts'
import type { TextRef } from './policy.ts'
import { listenerFailed } from './replica.ts'
import { openRoom } from './text-room.ts'

/** The live document behind a text ref: what an editor binding works on. */
export interface TextDocument extends DocumentHandle {
  /** The text. Edits made on it directly become one Change for each task. Another object after a reset. */
  readonly text: Y.Text
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
  const handle = openHandle<LiveText>(store, ref, TAG, 'openText() opens refs made by text() of @syncline/yjs.')
  const { live } = handle
  const room = openRoom(live, ref.options.maxBytes, (error) => live.report(listenerFailed(error)))
  let open = true
  return {
    awareness: handle.awareness,
    onReset: (listener) => handle.onReset(listener),
    get text() {
      return live.text
    },
    get doc() {
      return live.doc
    },
    get roomBytes() {
      return room.roomBytes
    },
    onFull: (listener) => room.onFull(listener),
    close() {
      if (!open) return
      open = false
      room.close()
      handle.close()
    },
  }
}
