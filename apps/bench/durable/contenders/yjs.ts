import { IndexeddbPersistence } from 'y-indexeddb'
import * as Y from 'yjs'
import { columns } from '../../records/rows.ts'
import { totalsOf, type Contender, type Opened } from '../contender.ts'

function opened(doc: Y.Doc, persistence?: IndexeddbPersistence): Opened {
  const table = doc.getMap<Y.Map<unknown>>('table')
  const text = doc.getText('text')
  const durable = async (): Promise<void> => {
    if (persistence !== undefined) await stored(persistence)
  }
  return {
    fill: (rows) =>
      doc.transact(() => {
        for (const { id, ...fields } of rows) {
          const map = new Y.Map<unknown>()
          for (const column of columns) map.set(column, fields[column])
          table.set(id, map)
        }
      }),
    edit: (id, votes) => void table.get(id)!.set('votes', votes),
    type: (character) => text.insert(text.length, character),
    durable,
    read: () => ({
      ...totalsOf([...table.values()].map((map) => map.toJSON() as { votes: number })),
      characters: text.length,
    }),
    async close() {
      await durable()
      await persistence?.destroy()
      doc.destroy()
    },
  }
}

/** It does not say when something is stored; but what is read there is read after all that it has begun to write. */
function stored({ db }: IndexeddbPersistence): Promise<void> {
  return new Promise((resolve, reject) => {
    // It is there once it is synced.
    const request = (db as IDBDatabase).transaction('updates').objectStore('updates').count()
    request.onsuccess = () => resolve()
    request.onerror = () => reject(request.error!)
  })
}

export const yIndexeddb: Contender = {
  name: 'Yjs with y-indexeddb',
  isStored: true,
  async open(name) {
    const doc = new Y.Doc()
    const persistence = new IndexeddbPersistence(`yjs ${name}`, doc)
    await persistence.whenSynced
    return opened(doc, persistence)
  },
}

export const yjsMemory: Contender = {
  name: 'Yjs in memory',
  isStored: false,
  open: async () => {
    const doc = new Y.Doc()
    doc.on('update', () => undefined)
    return opened(doc)
  },
}
