import { Dexie, type EntityTable } from 'dexie'
import type { Row } from '../../records/rows.ts'
import { totalsOf, type Contender } from '../contender.ts'

/** A table in IndexedDB, without merging and without a model in memory but for the rows that an app holds of it. */
export const dexie: Contender = {
  name: 'Dexie',
  isStored: true,
  async open(name) {
    const database = new Dexie(`dexie ${name}`) as Dexie & { table1: EntityTable<Row, 'id'> }
    database.version(1).stores({ table1: 'id' })
    const rows = new Map<string, Row>((await database.table1.toArray()).map((row) => [row.id, row]))
    const unfinished = new Set<PromiseLike<unknown>>()
    const track = (work: PromiseLike<unknown>): void => {
      unfinished.add(work)
      void work.then(() => unfinished.delete(work))
    }
    const durable = async (): Promise<void> => void (await Promise.all([...unfinished]))
    return {
      fill(added) {
        for (const row of added) rows.set(row.id, row)
        track(database.table1.bulkPut([...added]))
      },
      edit(id, votes) {
        const row = { ...rows.get(id)!, votes }
        rows.set(id, row)
        track(database.table1.put(row))
      },
      durable,
      read: () => totalsOf(rows.values()),
      async close() {
        await durable()
        database.close()
      },
    }
  },
}
