import type { Store } from '@syncline/store'
import { allColumns, cards, columns, note } from './schema.ts'

/** Everything on the board, as data that a person can read and a program can take in again. */
function exportBoard(store: Store): object {
  const { snapshot } = store
  const card = (id: string): object => ({ id, ...snapshot.get(cards.at(id)), note: snapshot.get(note(id)) })
  return {
    space: store.space,
    columns: snapshot.get(allColumns).map((id) => ({
      id,
      title: snapshot.get(columns.at(id))?.title,
      cards: snapshot.get(cards.list(id)).map(card),
    })),
    cardsWithoutColumn: Array.from(snapshot.items(cards))
      .filter(([, { place }]) => snapshot.get(columns.at(place?.parent ?? '-')) === undefined)
      .map(([id]) => card(id)),
  }
}

/** Saves the board as a file. */
export function downloadBoard(store: Store): void {
  const file = new Blob([JSON.stringify(exportBoard(store), null, 2)], { type: 'application/json' })
  const link = document.createElement('a')
  link.href = URL.createObjectURL(file)
  link.download = `${store.space}.json`
  link.click()
  URL.revokeObjectURL(link.href)
}
