import { guardUnload, indexedDb, requestPersistence } from '@syncline/idb'
import { collection, count, counter, place } from '@syncline/merge'
import { everything, openStore, type Store } from '@syncline/store'
import { websocket } from '@syncline/websocket'
import { text } from '@syncline/yjs'
import { booking, type BookingOffice } from './booking.ts'
import { deciding, type Deciding } from './deciding.ts'
import { rawDisk } from './disk.ts'
import type { Editors } from './editors.ts'
import { growing, type Growing } from './growing.ts'
import { readAll, takePart } from './histories.ts'
import { moving, type Moving, textOf } from './moving.ts'
import { countTransactions, transactionCount, type TransactionCount } from './transactions.ts'
import { keepWriting, type Writing, type WritingOptions } from './writing.ts'

/**
 * A page without an interface: a real store on IndexedDB and a WebSocket, and refs of every kind, for tests to work with from
 * within the page.
 */
export interface Lab {
  /** The store that `open` opened. Throws before. */
  readonly store: Store
  readonly everything: typeof everything
  readonly note: typeof note
  readonly cards: typeof cards
  readonly cities: typeof cities
  readonly accounts: typeof accounts
  readonly writes: typeof writes
  readonly deciding: Deciding
  readonly histories: typeof histories
  readonly guardUnload: typeof guardUnload
  readonly requestPersistence: typeof requestPersistence
  readonly booking: BookingOffice
  readonly growing: Growing
  readonly moving: Moving
  readonly textOf: typeof textOf
  open(options: LabOptions): Promise<void>
  /** Other people's editors, once `openEditors` has opened them. */
  readonly editors: Editors
  openEditors(relay: string, space: string, name: string): Promise<void>
  /** Resolves as soon as `condition` holds for the store. Looks after every commit and every change of the status. */
  until(condition: () => boolean): Promise<void>
  /** Tells the store that the network is back, as the browser does. */
  networkIsBack(): void
  keepWriting(options: WritingOptions): Writing
  /** Everything that IndexedDB holds for this page, as text: equal when every byte is. */
  rawDisk(): Promise<readonly string[]>
  /** How many transactions this page has begun with IndexedDB. */
  transactionCount(): TransactionCount
}

export interface LabOptions {
  readonly space: string
  /** The address of the relay's socket; none for a page that stays alone with its browser. */
  readonly relay?: string
}

declare global {
  /** In a page of the lab. */
  const lab: Lab
}

const note = text('note')
const cards = collection('cards', { title: '', done: false, votes: count(), place: place() })
const cities = collection('cities', {
  name: '',
  country: '',
  admin: '',
  feature: '',
  population: 0,
  lat: 0,
  lon: 0,
})
const accounts = collection('accounts', { owner: '', cents: count() })
const writes = counter('writes')

const histories = { takePart, readAll }

let opened: Store | undefined
let editors: Editors | undefined

function theStore(): Store {
  if (opened === undefined) throw new Error('No store is open: call lab.open() first.')
  return opened
}

const theLab: Lab = {
  get store() {
    return theStore()
  },
  everything,
  note,
  cards,
  cities,
  accounts,
  writes,

  deciding,
  histories,
  guardUnload,
  requestPersistence,
  booking,
  growing,
  moving,
  textOf,

  async open({ space, relay }) {
    const storage = indexedDb(`lab-${space}`)
    opened = await openStore(relay === undefined ? { space, storage } : { space, storage, transport: websocket(relay) })
  },

  get editors() {
    if (editors === undefined) throw new Error('No editors are open: call lab.openEditors() first.')
    return editors
  },

  async openEditors(...options) {
    const others = await import('./editors.ts')
    editors = others.openEditors(...options)
  },

  async until(condition) {
    const store = theStore()
    const stops: (() => void)[] = []
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (condition()) resolve()
      }
      stops.push(store.changes(everything, look), store.onStatus(look))
      look()
    })
    for (const stop of stops) stop()
  },

  networkIsBack: () => window.dispatchEvent(new Event('online')),
  keepWriting: (options) => keepWriting(theStore(), { cards, writes }, options),
  rawDisk,
  transactionCount,
}

countTransactions()

Object.assign(window, { lab: theLab })
