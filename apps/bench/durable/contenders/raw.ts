import type { Row } from '../../records/rows.ts'
import { totalsOf, type Contender, type Opened } from '../contender.ts'

/** Opens a database with one object store that counts its keys. */
function openRaw(name: string): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(`raw ${name}`, 1)
    request.onupgradeneeded = () => request.result.createObjectStore('log', { autoIncrement: true })
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error!)
  })
}

/** Appends one record in a transaction of its own. */
function append(database: IDBDatabase, record: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const transaction = database.transaction('log', 'readwrite', { durability: 'relaxed' })
    transaction.oncomplete = () => resolve()
    transaction.onabort = () => reject(transaction.error!)
    transaction.objectStore('log').add(record)
    transaction.commit()
  })
}

function readAll(database: IDBDatabase): Promise<Uint8Array[]> {
  return new Promise((resolve, reject) => {
    const request = database.transaction('log').objectStore('log').getAll() as IDBRequest<Uint8Array[]>
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error!)
  })
}

/** An edit as few bytes as a Change of one ref has: who, when, what. */
const BYTES_AN_EDIT = 96
const encoder = new TextEncoder()
const decoder = new TextDecoder()

type Entry = { readonly rows: readonly Row[] } | { readonly id: string; readonly votes: number }

function encode(entry: Entry): Uint8Array {
  const text = JSON.stringify(entry)
  return encoder.encode('id' in entry ? text.padEnd(BYTES_AN_EDIT) : text)
}

/** Each entry after its length. */
function frame(entries: readonly Uint8Array[]): Uint8Array {
  const framed = new Uint8Array(entries.reduce((sum, { length }) => sum + 4 + length, 0))
  const view = new DataView(framed.buffer)
  let at = 0
  for (const entry of entries) {
    view.setUint32(at, entry.length)
    framed.set(entry, at + 4)
    at += 4 + entry.length
  }
  return framed
}

function* unframe(framed: Uint8Array): Iterable<Entry> {
  const view = new DataView(framed.buffer, framed.byteOffset)
  for (let at = 0; at < framed.length;) {
    const length = view.getUint32(at)
    yield JSON.parse(decoder.decode(framed.subarray(at + 4, at + 4 + length))) as Entry
    at += 4 + length
  }
}

/** A log by hand, replayed into a Map. `write` says how entries get into it. */
async function openTable(name: string, writer: (database: IDBDatabase) => Writer): Promise<Opened> {
  const database = await openRaw(name)
  const rows = new Map<string, Row>()
  const apply = (entry: Entry): void => {
    if ('rows' in entry) for (const row of entry.rows) rows.set(row.id, row)
    else rows.set(entry.id, { ...rows.get(entry.id)!, votes: entry.votes })
  }
  for (const record of await readAll(database)) for (const entry of unframe(record)) apply(entry)
  const { write, durable } = writer(database)
  const commit = (entry: Entry): void => {
    apply(entry)
    write(encode(entry))
  }
  return {
    fill: (added) => commit({ rows: added }),
    edit: (id, votes) => commit({ id, votes }),
    durable,
    read: () => totalsOf(rows.values()),
    async close() {
      await durable()
      database.close()
    },
  }
}

interface Writer {
  write(entry: Uint8Array): void
  durable(): Promise<void>
}

/** A transaction for each entry, without waiting for the one before. */
const single = (database: IDBDatabase): Writer => {
  let last: Promise<void> = Promise.resolve()
  return { write: (entry) => void (last = append(database, frame([entry]))), durable: () => last }
}

/** The entries of a task, and of the time that a transaction takes, in one record. */
const batched = (database: IDBDatabase): Writer => {
  let waiting: Uint8Array[] = []
  let writing: Promise<void> | undefined
  async function drain(): Promise<void> {
    await Promise.resolve()
    while (waiting.length > 0) {
      const entries = waiting
      waiting = []
      await append(database, frame(entries))
    }
    writing = undefined
  }
  return {
    write(entry) {
      waiting.push(entry)
      writing ??= drain()
    },
    durable: async () => writing,
  }
}

/** IndexedDB by hand, a put for each edit. */
export const rawSingle: Contender = {
  name: 'IndexedDB by puts',
  isStored: true,
  open: (name) => openTable(`single ${name}`, single),
}

/** IndexedDB by hand, with what is the most that it gives: one record for all edits that wait. */
export const rawBatched: Contender = {
  name: 'IndexedDB by batches',
  isStored: true,
  isQuick: true,
  open: (name) => openTable(`batched ${name}`, batched),
}
