import { EditorState, type Extension, type Transaction } from '@codemirror/state'
import type { TextDocument } from '@syncline/yjs'
import { ySyncAnnotation } from 'y-codemirror.next'

/**
 * Takes what fits into the note, and nothing that would not: what people delete always does, and so does what others write, which is there
 * already. `onRefused` is told.
 */
export function withinRoom(opened: TextDocument, onRefused: () => void): Extension {
  return EditorState.changeFilter.of((transaction) => {
    if (!transaction.docChanged || transaction.annotation(ySyncAnnotation) !== undefined) return true
    const grows = growthOf(transaction)
    if (grows <= 0 || grows <= opened.roomBytes) return true
    onRefused()
    return false
  })
}

/** By how many bytes of UTF-8 a transaction would make the text longer. */
function growthOf({ changes, startState }: Transaction): number {
  let bytes = 0
  const encoder = new TextEncoder()
  changes.iterChanges((from, to, _fromNow, _toNow, inserted) => {
    bytes += encoder.encode(inserted.toString()).length - encoder.encode(startState.sliceDoc(from, to)).length
  })
  return bytes
}
