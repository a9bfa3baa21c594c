import { indexedDb } from '@syncline/idb'
import { openStore, type Receipt, type Store } from '@syncline/store'
import { text } from '@syncline/yjs'
import { totalsOf, type Contender, type Opened } from '../contender.ts'
import { table } from '../table.ts'

const note = text('note', 'typed')

function opened(store: Store, isStored: boolean): Opened {
  let last: Receipt<unknown> | undefined
  const durable = async (): Promise<void> => (isStored ? last?.durable() : undefined)
  return {
    fill(rows) {
      last = store.transact((tx) => {
        for (const { id, ...fields } of rows) tx.create(table.at(id), fields)
      })
    },
    edit(id, votes) {
      last = store.transact((tx) => tx.patch(table.at(id), { votes }))
    },
    type(character) {
      last = store.transact((tx) => tx.insert(note, tx.get(note).length, character))
    },
    durable,
    read: () => ({
      ...totalsOf([...store.snapshot.items(table)].map(([, row]) => row)),
      characters: store.get(note).length,
    }),
    async close() {
      await durable()
      await store.close()
    },
  }
}

export const syncline: Contender = {
  name: 'Syncline',
  isStored: true,
  isQuick: true,
  open: async (name) =>
    opened(await openStore({ space: 'table', storage: indexedDb(`bench ${name}`), ready: [table] }), true),
}

/** The same transactions, kept in memory. */
export const synclineMemory: Contender = {
  name: 'Syncline in memory',
  isStored: false,
  open: async () => opened(await openStore({ space: 'table' }), false),
}
