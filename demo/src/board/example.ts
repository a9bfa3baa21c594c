import type { Tx } from '@syncline/stm'
import { allColumns, cards, columns } from './schema.ts'

const example = [
  {
    id: 'example-next',
    title: 'Next',
    cards: ['Open this board in a second window', 'Switch the link off and keep editing', 'Write a note together'],
  },
  {
    id: 'example-doing',
    title: 'Doing',
    cards: ['Move this card with Shift and an arrow key', 'Rename me with F2'],
  },
  { id: 'example-done', title: 'Done', cards: ['Start with an example'] },
]

/**
 * An example board. Its ids are fixed, so when two people start with it at the same time, on two devices, they get one board:
 * what has the same id is the same thing. For the same reason it has no notes, whose characters would all be kept, and no votes.
 */
export function addExample(tx: Tx): void {
  for (const column of example) {
    if (tx.get(columns.at(column.id)) !== undefined) continue
    tx.create(columns.at(column.id), { title: column.title })
    tx.move(columns.at(column.id), allColumns)
    for (const [index, title] of column.cards.entries()) {
      const card = cards.at(`${column.id}-${index + 1}`)
      if (tx.get(card) !== undefined) continue
      tx.create(card, { title, done: column.id === 'example-done' })
      tx.move(card, cards.list(column.id))
    }
  }
}
