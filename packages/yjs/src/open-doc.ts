import type { PlainStore } from '@syncline/store'
import { TAG } from './doc.ts'
import type { DocRef } from './doc.ts'
import type { DocRoots } from './doc-roots.ts'
import { openDocRoom } from './doc-room.ts'
import { openHandle } from './handle.ts'
import type { DocumentHandle } from './handle.ts'
import type { LiveDoc } from './live-doc.ts'
import { listenerFailed } from './replica.ts'

/** The live document behind a doc ref: what an editor binding works on. Its roots are other objects after a reset. */
export interface Doc extends DocumentHandle, DocRoots {
  /**
   * How many bytes fit before what the doc reads as takes the `maxBytes` of its ref: zero or less when it is full, `Infinity` without a limit.
   * Cost: an encoding of what it reads as.
   */
  readonly roomBytes: number
  /**
   * Calls `listener` with true after a task that has left the doc full, and with false when there is room again, whoever wrote or deleted. A
   * direct edit cannot be refused, so an editor is to take no more then, and to let people delete. Returns `unsubscribe`.
   */
  onFull(listener: (isFull: boolean) => void): () => void
}

/**
 * Opens the live document of a doc ref, loaded, to be edited by bindings for Yjs: Tiptap and ProseMirror take `fragment`, Quill takes `text`.
 *
 * What is edited is in the store's next Change before the task is over; what others write appears in the document. Direct edits cannot be
 * refused, so what a doc cannot hold is taken out again, with all else of its task, and reported as `edit-undone`: values that others
 * would not get back as they were, characters cut in two, roots of other names, documents in documents. `onReset` is called then.
 * Open the same ref as often as you like: all handles share one document. Throws `StoreError` `no-document` for any other ref.
 * Cost: one pass over the updates, unless it is open.
 *
 * @example
 * import { openStore } from '@syncline/store'
 * import { doc, openDoc } from '@syncline/yjs'
 * import * as Y from 'yjs'
 *
 * const store = await openStore({ space: 'example' })
 * const page = doc('page')
 * const opened = openDoc(store, page)
 * const paragraph = new Y.XmlElement('paragraph')
 * paragraph.insert(0, [new Y.XmlText('typed in an editor')])
 * opened.fragment.insert(0, [paragraph])
 * await Promise.resolve()
 * expect(store.get(page).fragment).toEqual([
 *   { type: 'paragraph', content: [{ type: 'text', text: 'typed in an editor' }] },
 * ])
 * opened.close()
 * await store.close()
 */
export function openDoc(store: PlainStore, ref: DocRef): Doc {
  const handle = openHandle<LiveDoc>(store, ref, TAG, 'openDoc() opens refs made by doc() of @syncline/yjs.')
  const { live } = handle
  const room = openDocRoom(live, ref.options.maxBytes, (error) => live.report(listenerFailed(error)))
  let open = true
  return {
    awareness: handle.awareness,
    onReset: (listener) => handle.onReset(listener),
    get doc() {
      return live.doc
    },
    get fragment() {
      return live.roots.fragment
    },
    get text() {
      return live.roots.text
    },
    get map() {
      return live.roots.map
    },
    get array() {
      return live.roots.array
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
