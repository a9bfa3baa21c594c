import { createStore } from 'tinybase'
import { createIndexedDbPersister } from 'tinybase/persisters/persister-indexed-db'
import { totalsOf, type Contender } from '../contender.ts'

export const tinybase: Contender = {
  name: 'TinyBase',
  isStored: true,
  async open(name) {
    const store = createStore()
    const persister = createIndexedDbPersister(store, `tinybase ${name}`)
    await persister.load()
    await persister.startAutoSave()
    const durable = async (): Promise<void> => {
      // It saves after each transaction, one after the other: what is asked for now comes last.
      await persister.save()
    }
    return {
      fill: (rows) =>
        store.transaction(() => {
          for (const { id, ...fields } of rows) store.setRow('table', id, fields)
        }),
      edit: (id, votes) => void store.setCell('table', id, 'votes', votes),
      durable,
      read: () => totalsOf(store.getRowIds('table').map((id) => store.getRow('table', id) as { votes: number })),
      async close() {
        await durable()
        await persister.destroy()
      },
    }
  },
}
