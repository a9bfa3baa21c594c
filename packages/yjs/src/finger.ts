import * as Y from 'yjs'
import type { Edits } from './draft.ts'
import { splitsPair } from './pairs.ts'

/**
 * The place in a live text that was looked at last: the next one is mostly near it (Guibas and others, A new representation for linear lists, 1977).
 * To put a text together in order to look at one character of it takes as long as the text is.
 */
export interface Finger {
  /** Whether a position is inside of a character of two code units. Cost: the items from where it was last to there; from the beginning, once it let go. */
  splitsPair(index: number): boolean
  /** These edits were made, and nothing else. */
  follow(edits: readonly Edits[]): void
  /** Something else has been done to the text. */
  letGo(): void
}

/** A character, and where it is in the text. */
interface Place {
  readonly id: Y.ID
  readonly index: number
}

/** Makes a finger on a text. `onItem` is told of each item that it goes over. */
export function createFinger(text: Y.Text, onItem?: () => void): Finger {
  let place: Place | undefined

  function find(index: number): Place | undefined {
    if (place === undefined) {
      const { item } = Y.createRelativePositionFromTypeIndex(text, index)
      return item === null ? undefined : { id: item, index }
    }
    // A text whose characters have ids is in a document.
    let item: Y.Item | null = Y.getItem(text.doc!.store, place.id)
    let start = place.index - (place.id.clock - item.id.clock)
    while (item !== null && index < start) {
      onItem?.()
      item = item.left
      start -= visible(item)
    }
    while (item !== null && index >= start + visible(item)) {
      onItem?.()
      start += visible(item)
      item = item.right
    }
    return item === null ? undefined : { id: Y.createID(item.id.client, item.id.clock + index - start), index }
  }

  return {
    splitsPair(index) {
      if (index <= 0 || index >= text.length) return false
      place = find(index)
      if (place === undefined) return false
      const { content, id } = Y.getItem(text.doc!.store, place.id)
      return content instanceof Y.ContentString && splitsPair(content.str, place.id.clock - id.clock)
    },
    follow(edits) {
      for (const { index, removed, inserted } of edits) {
        if (place === undefined) return
        if (index + removed <= place.index) place = { id: place.id, index: place.index + inserted.length - removed }
        // What was deleted is before what is put there or behind it, who knows.
        else if (index <= place.index) place = undefined
      }
    },
    letGo() {
      place = undefined
    },
  }
}

function visible(item: Y.Item | null): number {
  return item === null || item.deleted || !item.countable ? 0 : item.length
}
