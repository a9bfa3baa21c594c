import { YjsError } from './errors.ts'

/** The object store of y-indexeddb 9 in which each value is one update, under keys that count. Another one, `custom`, holds what apps put there. */
const UPDATES = 'updates'

/** A record of the database. */
export interface DatabaseRecord {
  readonly key: number
  readonly value: unknown
  /** Why the browser cannot read it; then there is no value. */
  readonly unreadable?: unknown
}

/** Records that were read. */
export interface Batch {
  readonly found: readonly DatabaseRecord[]
  /** The key behind which to read on; undefined when these were the last. What is gone since is asked for here and not found, so there may be none and still be more. */
  readonly next: number | undefined
}

/** A database of y-indexeddb that is read and never written. */
export interface UpdatesDatabase {
  /** How many records there are now. */
  count(): Promise<number>
  /** The next records after a key, at most so many. */
  after(key: number | undefined, most: number): Promise<Batch>
  close(): void
}

/**
 * Opens the database that y-indexeddb has written under `name`; undefined when there is none, which is so afterwards too. It is closed as soon as somebody
 * wants to delete or upgrade it, and each read is a short read-only transaction, so the old app waits for nobody. Throws `YjsError` `not-y-indexeddb`; reads reject
 * with `import-interrupted` once it was closed by others.
 */
export async function openUpdates(name: string, signal?: AbortSignal): Promise<UpdatesDatabase | undefined> {
  signal?.throwIfAborted()
  // Where there is no IndexedDB there is no database.
  if (globalThis.indexedDB === undefined) return undefined
  const database = await openExisting(name, signal)
  if (database === undefined) return undefined
  if (!database.objectStoreNames.contains(UPDATES)) {
    database.close()
    throw new YjsError(
      'not-y-indexeddb',
      `The database "${name}" has no object store "${UPDATES}", so y-indexeddb 9 has not written it. Give the name that the old app gives to new IndexeddbPersistence(name, doc).`,
    )
  }
  let isClosed = false
  const close = (): void => {
    isClosed = true
    database.close()
  }
  database.onversionchange = close
  database.onclose = close

  function ask<T>(issue: (updates: IDBObjectStore) => T): T {
    const transaction = database!.transaction(UPDATES, 'readonly')
    const answer = issue(transaction.objectStore(UPDATES))
    transaction.commit()
    return answer
  }

  async function read<T>(body: (inOneTask: Ask) => Promise<T>): Promise<T> {
    try {
      return await body(ask)
    } catch (cause) {
      throw new YjsError(
        'import-interrupted',
        `The database "${name}" ${isClosed ? 'was closed while it was read, because somebody deletes or upgrades it' : 'could not be read'}. ` +
          'Nothing of it was imported that is not there already. Import it again.',
        { cause },
      )
    }
  }

  return {
    count: () => read((inOneTask) => inOneTask((updates) => resultOf(updates.count()))),
    after: (key, most) =>
      read((inOneTask) => readBatch(inOneTask, key === undefined ? null : IDBKeyRange.lowerBound(key, true), most)),
    close,
  }
}

/** Asks in a transaction that is over with what was asked: a page that stands still would keep the old app from writing. */
type Ask = <T>(issue: (updates: IDBObjectStore) => T) => T

/** When records cannot be read together, each is read by itself. */
async function readBatch(ask: Ask, range: IDBKeyRange | null, most: number): Promise<Batch> {
  try {
    const [keys, values] = await ask((updates) =>
      Promise.all([resultOf(updates.getAllKeys(range, most)), resultOf<unknown[]>(updates.getAll(range, most))]),
    )
    return batchOf(
      keys.map((key, i) => ({ key: Number(key), value: values[i] })),
      keys,
      most,
    )
  } catch {
    // The database cannot be read, or one record in it cannot.
  }
  const found: DatabaseRecord[] = []
  const keys = await ask((updates) => resultOf(updates.getAllKeys(range, most)))
  for (const key of keys) {
    try {
      const [there, value] = await ask((updates) =>
        Promise.all([resultOf(updates.getKey(key)), resultOf<unknown>(updates.get(key))]),
      )
      if (there !== undefined) found.push({ key: Number(key), value })
    } catch (unreadable) {
      // When keys can be read all the same it is the record.
      const there = await ask((updates) => resultOf(updates.getKey(key)))
      if (there !== undefined) found.push({ key: Number(key), value: undefined, unreadable })
    }
  }
  return batchOf(found, keys, most)
}

/** Where the old app has put all of them together meanwhile, that is a later record. */
function batchOf(found: readonly DatabaseRecord[], asked: readonly IDBValidKey[], most: number): Batch {
  const isEnd = asked.length < most && found.length === asked.length
  return { found, next: isEnd ? undefined : Number(asked.at(-1)) }
}

/** To open a database that is not there makes one, unless the transaction in which it is made is aborted. */
function openExisting(name: string, signal: AbortSignal | undefined): Promise<IDBDatabase | undefined> {
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown): void =>
      reject(new YjsError('import-interrupted', `The database "${name}" cannot be opened. Import it again.`, { cause }))
    let request: IDBOpenDBRequest
    try {
      request = indexedDB.open(name)
    } catch (error) {
      fail(error)
      return
    }
    let isAbsent = false
    const abort = (): void => reject(signal?.reason as Error)
    signal?.addEventListener('abort', abort)
    request.onupgradeneeded = () => {
      isAbsent = true
      request.transaction!.abort()
    }
    request.onsuccess = () => {
      signal?.removeEventListener('abort', abort)
      // It may have been given up while somebody else was upgrading.
      if (signal?.aborted === true) request.result.close()
      resolve(request.result)
    }
    request.onerror = () => {
      signal?.removeEventListener('abort', abort)
      if (isAbsent) resolve(undefined)
      else fail(request.error)
    }
  })
}

function resultOf<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    // What a transaction fails of is told by its requests too.
    request.onerror = () => reject(request.error ?? new Error('the request failed'))
  })
}
