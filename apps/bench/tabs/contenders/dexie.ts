import { Dexie, liveQuery, type EntityTable } from 'dexie'
import type { Contender } from '../contender.ts'

interface Row {
  readonly id: string
  readonly at: number
}

/** A live query runs again when another tab has written what it depends on. */
export const dexie: Contender = {
  name: 'Dexie',
  isStored: true,
  async open(onRow) {
    const database = new Dexie('dexie') as Dexie & { rows: EntityTable<Row, 'id'> }
    database.version(1).stores({ rows: 'id' })
    const seen = new Set<string>()
    const rows = liveQuery(() => database.rows.toArray())
    await new Promise<void>((resolve, reject) => {
      rows.subscribe({
        next(all) {
          for (const { id, at } of all) {
            if (seen.has(id)) continue
            seen.add(id)
            onRow(id, at)
          }
          resolve()
        },
        error: reject,
      })
    })
    return { write: async (id, at) => void (await database.rows.put({ id, at })) }
  },
}
