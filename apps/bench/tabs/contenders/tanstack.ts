import { createCollection, createIndexedDB, indexedDBCollectionOptions } from '@tanstack/db'
import type { Contender } from '../contender.ts'

interface Row {
  readonly id: string
  readonly at: number
}

/** Its collection on IndexedDB tells other tabs by itself. */
export const tanstack: Contender = {
  name: 'TanStack DB',
  isStored: true,
  async open(onRow) {
    const database = await createIndexedDB({ name: 'tanstack', version: 1, stores: ['rows'] })
    const rows = createCollection(
      indexedDBCollectionOptions<Row, string>({ db: database, name: 'rows', getKey: ({ id }) => id }),
    )
    await rows.preload()
    const seen = new Set<string>()
    rows.subscribeChanges((changes) => {
      for (const { value } of changes) {
        if (seen.has(value.id)) continue
        seen.add(value.id)
        onRow(value.id, value.at)
      }
    })
    return { write: async (id, at) => void (await rows.insert({ id, at }).isPersisted.promise) }
  },
}
