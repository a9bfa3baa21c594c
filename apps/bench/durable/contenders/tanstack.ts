import { createCollection, createIndexedDB, indexedDBCollectionOptions } from '@tanstack/db'
import type { Row } from '../../records/rows.ts'
import { totalsOf, type Contender } from '../contender.ts'

export const tanstack: Contender = {
  name: 'TanStack DB',
  isStored: true,
  async open(name) {
    const database = await createIndexedDB({ name: `tanstack ${name}`, version: 1, stores: ['table'] })
    const table = createCollection(
      indexedDBCollectionOptions<Row, string>({ db: database, name: 'table', getKey: ({ id }) => id }),
    )
    await table.preload()
    const unfinished = new Set<Promise<unknown>>()
    const track = ({ isPersisted }: { readonly isPersisted: { readonly promise: Promise<unknown> } }): void => {
      const { promise } = isPersisted
      unfinished.add(promise)
      void promise.then(() => unfinished.delete(promise))
    }
    const durable = async (): Promise<void> => void (await Promise.all([...unfinished]))
    return {
      fill: (rows) => track(table.insert([...rows])),
      edit: (id, votes) =>
        track(
          table.update(id, (draft) => {
            // A draft is what it is for.
            ;(draft as { votes: number }).votes = votes
          }),
        ),
      durable,
      read: () => totalsOf(table.values()),
      async close() {
        await durable()
        await table.cleanup()
        database.close()
      },
    }
  },
}
