import type { Tx } from '@syncline/stm'
import type { Store } from '@syncline/store'
import { description } from '../description/description.ts'
import { allColumns, cards, columns, note } from './schema.ts'

/** All that is on a board, as data that a person can read: what a copy holds where the storage of this device cannot give one. */
export interface BoardContent {
  readonly space: string
  readonly columns: readonly ColumnContent[]
  /** Whose column was deleted. */
  readonly cardsWithoutColumn: readonly CardContent[]
}

interface ColumnContent {
  readonly id: string
  readonly title: string
  readonly cards: readonly CardContent[]
}

interface CardContent {
  readonly id: string
  readonly title: string
  readonly done: boolean
  readonly votes: number
  readonly note: string
  readonly description: string
}

export function readBoard({ space, snapshot }: Pick<Store, 'space' | 'snapshot'>): BoardContent {
  function card(id: string): CardContent {
    const { title = '', done = false, votes = 0 } = snapshot.get(cards.at(id)) ?? {}
    return { id, title, done, votes, note: snapshot.get(note(id)), description: snapshot.get(description(id)).value }
  }
  const ids = snapshot.get(allColumns)
  return {
    space,
    columns: ids.map((id) => ({
      id,
      title: snapshot.get(columns.at(id))?.title ?? '',
      cards: snapshot.get(cards.list(id)).map(card),
    })),
    cardsWithoutColumn: Array.from(snapshot.items(cards))
      .filter(([, { place }]) => !ids.includes(place?.parent ?? ''))
      .map(([id]) => card(id)),
  }
}

/** Adds what a board has and this one has not; what both have stays as it is here. Returns how many columns and cards have come. */
export function addBoard(tx: Tx, content: BoardContent): number {
  let count = 0
  for (const { id, title, cards: its } of content.columns) {
    if (tx.get(columns.at(id)) === undefined) {
      tx.create(columns.at(id), { title })
      tx.move(columns.at(id), allColumns)
      count++
    }
    for (const card of its) count += addCard(tx, card, id)
  }
  for (const card of content.cardsWithoutColumn) count += addCard(tx, card, undefined)
  return count
}

function addCard(tx: Tx, card: CardContent, columnId: string | undefined): number {
  const { id, title, done, votes } = card
  const ref = cards.at(id)
  if (tx.get(ref) !== undefined) return 0
  tx.create(ref, { title, done })
  // The votes for a card that was deleted may still be counted.
  const missing = votes - (tx.get(ref)?.votes ?? 0)
  if (missing !== 0) tx.add(ref, missing, 'votes')
  if (columnId !== undefined) tx.move(ref, cards.list(columnId))
  if (tx.get(note(id)) === '' && card.note !== '') tx.insert(note(id), 0, card.note)
  if (tx.get(description(id)).value === '' && card.description !== '') {
    tx.set(description(id), card.description)
  }
  return 1
}

/** Reads what {@link readBoard} gave, as text; undefined for any other text. */
export function parseBoard(text: string): BoardContent | undefined {
  try {
    const found: unknown = JSON.parse(text)
    return isBoard(found) ? found : undefined
  } catch {
    return undefined
  }
}

type Fields<T> = { readonly [name in keyof T]?: unknown }

function isBoard(found: unknown): found is BoardContent {
  const { space, columns: its, cardsWithoutColumn } = Object(found) as Fields<BoardContent>
  return typeof space === 'string' && isList(its, isColumn) && isList(cardsWithoutColumn, isCard)
}

function isColumn(found: unknown): boolean {
  const { id, title, cards: its } = Object(found) as Fields<ColumnContent>
  return typeof id === 'string' && typeof title === 'string' && isList(its, isCard)
}

function isCard(found: unknown): boolean {
  const card = Object(found) as Fields<CardContent>
  const texts = [card.id, card.title, card.note, card.description]
  return texts.every((text) => typeof text === 'string') && typeof card.done === 'boolean' && isVotes(card.votes)
}

function isVotes(found: unknown): boolean {
  return Number.isSafeInteger(found)
}

function isList(found: unknown, isOne: (item: unknown) => boolean): boolean {
  return Array.isArray(found) && found.every(isOne)
}
