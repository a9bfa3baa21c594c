import { collection, count, place } from '@syncline/merge'
import { text, type TextRef } from '@syncline/yjs'

/** The columns of the board, in one list. */
export const columns = collection('columns', { title: '', place: place() })

/** The cards of all columns. A card stands in the list of its column, so two people who move it leave it in one place. */
export const cards = collection('cards', { title: '', done: false, votes: count(), place: place() })

/** What a note may take: some forty pages. An editor of more is no help, and neither is a card with it. */
const NOTE_BYTES = 100_000

/** The note of a card: characters, not a field, so that two people may write in it at once. */
export function note(cardId: string): TextRef {
  return text('notes', cardId, { maxBytes: NOTE_BYTES })
}

/** The one list that all columns stand in. */
export const allColumns = columns.list('board')
