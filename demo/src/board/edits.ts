import type { Tx } from '@syncline/stm'
import { allColumns, cards, columns } from './schema.ts'

export type Direction = 'left' | 'right' | 'up' | 'down'

/** Where something stands after a move. */
export interface Landing {
  readonly list: string
  /** From 1. */
  readonly position: number
  readonly count: number
  /** Whether it is another list than before. */
  readonly crossed: boolean
}

/** A new id that nobody else makes. `randomUUID` would need a secure origin, and a board on a home network has none. */
export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

export function addColumn(tx: Tx, id: string, title: string): void {
  tx.create(columns.at(id), { title })
  tx.move(columns.at(id), allColumns)
}

export function addCard(tx: Tx, id: string, columnId: string, title: string): void {
  tx.create(cards.at(id), { title })
  tx.move(cards.at(id), cards.list(columnId))
}

/** Moves a card by one step; undefined when there is no room that way. */
export function moveCard(tx: Tx, id: string, direction: Direction): Landing | undefined {
  const from = tx.get(cards.at(id))?.place?.parent
  if (from === undefined) return undefined
  const crossed = direction === 'left' || direction === 'right'
  const position = tx.get(cards.list(from)).indexOf(id)
  const to = crossed ? neighbour(tx, from, direction) : from
  if (to === undefined) return undefined
  const count = tx.get(cards.list(to)).length
  const target = crossed ? Math.min(position, count) : position + (direction === 'up' ? -1 : 1)
  if (target < 0 || (!crossed && target >= count)) return undefined
  tx.move(cards.at(id), cards.list(to), target)
  const list = tx.get(columns.at(to))?.title ?? ''
  return { list, position: target + 1, count: crossed ? count + 1 : count, crossed }
}

function neighbour(tx: Tx, columnId: string, direction: 'left' | 'right'): string | undefined {
  const ids = tx.get(allColumns)
  const at = ids.indexOf(columnId)
  // A card without a column comes in at the first one, from either side.
  if (at < 0) return ids[0]
  return ids[at + (direction === 'left' ? -1 : 1)]
}

/** Puts a card at the end of a column. */
export function sendCard(tx: Tx, id: string, columnId: string): void {
  tx.move(cards.at(id), cards.list(columnId))
}

export function moveColumn(tx: Tx, id: string, direction: 'left' | 'right'): Landing | undefined {
  const ids = tx.get(allColumns)
  const target = ids.indexOf(id) + (direction === 'left' ? -1 : 1)
  if (target < 0 || target >= ids.length) return undefined
  tx.move(columns.at(id), allColumns, target)
  return { list: 'the board', position: target + 1, count: ids.length, crossed: false }
}

/** What is needed to bring a deleted card back. Its note is still there: it is a ref of its own. */
export interface DeletedCard {
  readonly id: string
  readonly title: string
  readonly done: boolean
  readonly votes: number
  readonly columnId: string | undefined
  readonly index: number
}

export function deleteCard(tx: Tx, id: string): DeletedCard | undefined {
  const card = tx.get(cards.at(id))
  if (card === undefined) return undefined
  const columnId = card.place?.parent
  const index = columnId === undefined ? -1 : tx.get(cards.list(columnId)).indexOf(id)
  tx.delete(cards.at(id))
  return { id, title: card.title, done: card.done, votes: card.votes, columnId, index }
}

export function restoreCard(tx: Tx, { id, title, done, votes, columnId, index }: DeletedCard): void {
  if (tx.get(cards.at(id)) !== undefined) return
  tx.create(cards.at(id), { title, done })
  const missing = votes - (tx.get(cards.at(id))?.votes ?? 0)
  if (missing !== 0) tx.add(cards.at(id), missing, 'votes')
  if (columnId === undefined) return
  const list = cards.list(columnId)
  tx.move(cards.at(id), list, Math.min(index, tx.get(list).length))
}

/** Deletes a column together with the cards in it. */
export function deleteColumn(tx: Tx, id: string): void {
  for (const cardId of tx.get(cards.list(id))) tx.delete(cards.at(cardId))
  tx.delete(columns.at(id))
}
