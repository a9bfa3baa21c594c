import { columns, type Row } from '../../records/rows.ts'
import { totalsOf, type Contender, type Opened } from '../../durable/contender.ts'

/** How a table lies in an object store, by hand. */
interface Layout {
  put(store: IDBObjectStore, rows: readonly Row[]): void
  rowsIn(values: readonly unknown[]): readonly Row[]
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

const json: Layout = {
  put: (store, rows) => void store.put(encoder.encode(JSON.stringify(rows)), 0),
  rowsIn: (values) => values.flatMap((value) => JSON.parse(decoder.decode(value as Uint8Array)) as Row[]),
}

const ROWS_A_PAGE = 1_000

const inColumns: Layout = {
  put(store, rows) {
    for (let i = 0; i < rows.length; i += ROWS_A_PAGE) {
      const page = rows.slice(i, i + ROWS_A_PAGE)
      const lists = ['id' as const, ...columns].map((column) => page.map((row) => row[column]))
      store.put(encoder.encode(JSON.stringify(lists)), i)
    }
  },
  rowsIn(values) {
    const rows: Row[] = []
    for (const value of values) {
      const [ids, titles, owners, statuses, notes, points, votes, due, done] = JSON.parse(
        decoder.decode(value as Uint8Array),
      ) as [string[], string[], string[], string[], string[], number[], number[], number[], boolean[]]
      for (let i = 0; i < ids.length; i++) {
        rows.push({
          id: ids[i]!,
          title: titles[i]!,
          owner: owners[i]!,
          status: statuses[i]!,
          note: notes[i]!,
          points: points[i]!,
          votes: votes[i]!,
          due: due[i]!,
          done: done[i]!,
        })
      }
    }
    return rows
  },
}

const aRecordEach: Layout = {
  put(store, rows) {
    for (const row of rows) store.put(row, row.id)
  },
  rowsIn: (values) => values as readonly Row[],
}

/** What is edited is written down once, when it is to be durable: it is reading that is measured here. */
async function openTable(name: string, layout: Layout): Promise<Opened> {
  const database = await new Promise<IDBDatabase>((resolve, reject) => {
    const request = indexedDB.open(name, 1)
    request.onupgradeneeded = () => request.result.createObjectStore('table')
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error!)
  })
  const values = await new Promise<unknown[]>((resolve, reject) => {
    const request = database.transaction('table').objectStore('table').getAll() as IDBRequest<unknown[]>
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error!)
  })
  const rows = new Map(layout.rowsIn(values).map((row) => [row.id, row]))
  let isDirty = false
  async function write(): Promise<void> {
    if (!isDirty) return
    isDirty = false
    const transaction = database.transaction('table', 'readwrite')
    layout.put(transaction.objectStore('table'), [...rows.values()])
    await new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve()
      transaction.onabort = () => reject(transaction.error!)
    })
  }
  return {
    fill(added) {
      for (const row of added) rows.set(row.id, row)
      isDirty = true
    },
    edit(id, votes) {
      rows.set(id, { ...rows.get(id)!, votes })
      isDirty = true
    },
    // What it has at the end is what is read.
    durable: async () => undefined,
    read: () => totalsOf(rows.values()),
    async close() {
      await write()
      database.close()
    },
  }
}

const raw = (name: string, layout: Layout): Contender => ({
  name,
  isStored: true,
  open: (database) => openTable(`${name} ${database}`, layout),
})

export const rawJson: Contender = raw('IndexedDB one record', json)
export const rawColumns: Contender = raw('IndexedDB columns', inColumns)
export const rawRows: Contender = raw('IndexedDB record each', aRecordEach)
