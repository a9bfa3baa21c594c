import type { Store } from '@syncline/store'
import { createContext, useContext } from 'react'
import { flushSync } from 'react-dom'
import { focusNext, focusOn } from '../parts/focus.ts'
import type { Notices } from '../parts/Notices.tsx'
import * as edits from './edits.ts'
import { allColumns, cards, columns } from './schema.ts'

/** What people do on the board: a transaction, what is said about it, and where the focus goes. */
export interface BoardActions {
  addColumn(title: string): void
  renameColumn(id: string, title: string): void
  moveColumn(id: string, direction: 'left' | 'right'): void
  deleteColumn(id: string): void
  addCard(columnId: string, title: string): void
  renameCard(id: string, title: string): void
  toggleCard(id: string): void
  voteFor(id: string): void
  /** Moves a card and keeps the focus on it, unless it is moved from elsewhere. */
  moveCard(id: string, direction: edits.Direction, options?: { readonly keepFocus?: boolean }): void
  sendCard(id: string, columnId: string): void
  deleteCard(id: string): void
  openCard(id: string | undefined): void
}

export const cardElementId = (id: string): string => `card-${id}`
export const columnElementId = (id: string): string => `column-${id}`
export const addCardElementId = (columnId: string): string => `add-card-${columnId}`
export const ADD_COLUMN_ELEMENT_ID = 'add-column'

export function createActions(
  store: Store,
  { announce, notify }: Notices,
  openCard: (id: string | undefined) => void,
): BoardActions {
  const titleOf = (cardId: string): string => store.get(cards.at(cardId))?.title ?? 'The card'

  return {
    addColumn(title) {
      store.transact((tx) => edits.addColumn(tx, edits.newId(), title))
      announce(`Column ${title} added.`)
    },
    renameColumn(id, title) {
      // It may have been deleted by somebody else while its name was being typed.
      store.transact((tx) => tx.get(columns.at(id)) && tx.patch(columns.at(id), { title }))
    },
    moveColumn(id, direction) {
      const { value: landing } = store.transact((tx) => edits.moveColumn(tx, id, direction))
      if (landing) announce(`Column moved to position ${landing.position} of ${landing.count}.`)
    },
    deleteColumn(id) {
      const ids = store.get(allColumns)
      const at = ids.indexOf(id)
      const next = ids[at + 1] ?? ids[at - 1]
      const title = store.get(columns.at(id))?.title ?? ''
      store.transact((tx) => edits.deleteColumn(tx, id))
      announce(`Column ${title} deleted.`)
      focusOn(next === undefined ? ADD_COLUMN_ELEMENT_ID : columnElementId(next))
    },
    addCard(columnId, title) {
      store.transact((tx) => edits.addCard(tx, edits.newId(), columnId, title))
      announce(`Card ${title} added.`)
    },
    renameCard(id, title) {
      store.transact((tx) => tx.get(cards.at(id)) && tx.patch(cards.at(id), { title }))
    },
    toggleCard(id) {
      const { value: done } = store.transact((tx) => {
        const card = tx.get(cards.at(id))
        if (card) tx.patch(cards.at(id), { done: !card.done })
        return card && !card.done
      })
      announce(`${titleOf(id)} is ${done ? 'done' : 'not done'}.`)
    },
    voteFor(id) {
      store.transact((tx) => tx.get(cards.at(id)) && tx.add(cards.at(id), 1, 'votes'))
      announce(`${titleOf(id)} has ${store.get(cards.at(id))?.votes ?? 0} votes.`)
    },
    moveCard(id, direction, { keepFocus = true } = {}) {
      const crosses = direction === 'left' || direction === 'right'
      // In another column the card is mounted anew; within its own, React keeps the focus where it was.
      if (keepFocus && crosses) focusNext(cardElementId(id))
      const { value: landing } = flushSync(() => store.transact((tx) => edits.moveCard(tx, id, direction)))
      if (!landing) {
        if (keepFocus) focusOn(cardElementId(id))
        announce(`${titleOf(id)} cannot move ${direction}.`)
        return
      }
      const where = landing.crossed ? ` in ${landing.list}` : ''
      announce(`${titleOf(id)} moved ${direction} to position ${landing.position} of ${landing.count}${where}.`)
    },
    sendCard(id, columnId) {
      store.transact((tx) => tx.get(cards.at(id)) && edits.sendCard(tx, id, columnId))
      announce(`${titleOf(id)} moved to ${store.get(columns.at(columnId))?.title ?? 'another column'}.`)
    },
    deleteCard(id) {
      const columnId = store.get(cards.at(id))?.place?.parent
      const ids = columnId === undefined ? [] : store.get(cards.list(columnId))
      const at = ids.indexOf(id)
      const next = ids[at + 1] ?? ids[at - 1]
      const { value: deleted } = store.transact((tx) => edits.deleteCard(tx, id))
      if (deleted === undefined) return
      if (next !== undefined) focusOn(cardElementId(next))
      else if (columnId !== undefined) focusOn(addCardElementId(columnId))
      notify({
        text: `Deleted “${deleted.title}”.`,
        action: { label: 'Undo', run: () => store.transact((tx) => edits.restoreCard(tx, deleted)) },
      })
    },
    openCard,
  }
}

const ActionsContext = createContext<BoardActions | undefined>(undefined)
export const ActionsProvider = ActionsContext.Provider

export function useActions(): BoardActions {
  const actions = useContext(ActionsContext)
  if (actions === undefined) throw new Error('useActions() needs <ActionsProvider> above it.')
  return actions
}
