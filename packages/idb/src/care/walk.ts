import { StoreError } from '@syncline/store'
import { FIRST_BATCH, nextBatch } from '../batch.ts'
import { unlessBlocked, unlessStill } from '../blocking.ts'
import type { DatabaseEvents } from '../databases.ts'
import { databaseName, OVER } from '../format.ts'
import { missingError, toStoreError } from '../problems.ts'
import { resultOf } from '../requests.ts'
import { FLAWED, isStill } from '../same-part.ts'
import type { Surroundings } from '../surroundings.ts'
import { readBatch, type Batch, type Found, type Reading } from './read-batch.ts'

/** What is in a database that is looked at. */
export interface Contents {
  /** The version of its format. */
  readonly format: number
  /** Every record of an object store, in the order of the keys, read in batches. A store that this format does not have is empty. */
  records(store: string): AsyncGenerator<Found, void, undefined>
}

/** The same, and who looks at it keeps it open. */
export interface Opened extends Contents {
  close(): void
}

/** Before and after all keys that are used: numbers, texts, and lists that begin with a text. */
const FIRST_KEY = -Infinity
const LAST_KEY: IDBValidKey = [[[]]]

/**
 * Opens a database as it is, in whatever format: nothing is upgraded and nothing is changed. Undefined when there is none, or none any more. This and each reading
 * rejects with `storage-blocked` where others keep it from happening.
 */
export async function openAsItIs(name: string, surroundings: Surroundings): Promise<Opened | undefined> {
  const database = await connectAsItIs(name, surroundings, {
    // Nobody waits for us; what we were at fails, and says so.
    onVersionChange: (open) => open.close(),
    onTerminated: () => undefined,
  })
  if (database === undefined) return undefined
  const readingOf = (store: string): Reading => {
    return (ask) => {
      const reading = database.transaction([store], 'readonly')
      const answer = ask(reading.objectStore(store))
      reading.commit()
      return unlessStill(surroundings, name, 'read from', answer)
    }
  }
  try {
    const identity = await readingOf('meta')((meta) => resultOf<unknown>(meta.get('identity')))
    if (identity === OVER) {
      database.close()
      return undefined
    }
  } catch (error) {
    // What it is otherwise, whoever reads on is told.
    if (error instanceof StoreError) {
      database.close()
      throw error
    }
  }
  return { ...contentsOf(database, readingOf, name, surroundings), close: () => database.close() }
}

/** A connection to a database as it is. Undefined when there is none. */
export async function connectAsItIs(
  name: string,
  surroundings: Surroundings,
  events: Pick<DatabaseEvents, 'onVersionChange' | 'onTerminated'>,
): Promise<IDBDatabase | undefined> {
  const { databases } = surroundings
  if (databases === undefined) throw missingError(name)
  let isThere = true
  try {
    const start = (onBlocked: () => void): Promise<IDBDatabase> =>
      databases.open(databaseName(name), undefined, {
        upgrade() {
          // Only one that was not there before is made in this way. It is not made after all.
          isThere = false
          throw new Error('There is no such database.')
        },
        onBlocked,
        ...events,
      })
    return await unlessBlocked(surroundings, name, 'open', start, (database) => database.close())
  } catch (error) {
    if (!isThere) return undefined
    throw toStoreError(error, name, 'open')
  }
}

/** What is in a database, as `readingOf` reads it. */
export function contentsOf(
  database: IDBDatabase,
  readingOf: (store: string) => Reading,
  name: string,
  { keyRange }: Surroundings,
): Contents {
  async function* records(store: string): AsyncGenerator<Found, void, undefined> {
    if (![...database.objectStoreNames].includes(store)) return
    const read = readingOf(store)
    let after: IDBValidKey | undefined
    let count = FIRST_BATCH
    /** A part of the checkpoint in which the reading stands: the key of one is no whole number. */
    let part: Found | undefined
    for (;;) {
      const range = keyRange.bound(after ?? FIRST_KEY, LAST_KEY, after !== undefined)
      let batch: Batch
      try {
        batch = await readBatch(read, range, count)
        const known = part ?? batch.found.find(isPart)
        if (known !== undefined && !(await isThere(read, known))) {
          // Another one has taken its place: it is read from its beginning.
          after = Math.floor(Number(known.key))
          part = undefined
          continue
        }
      } catch (error) {
        throw toStoreError(error, name, 'read from')
      }
      const { found, next } = batch
      yield* found
      part = found.slice(-1).find(isPart)
      if (next === undefined) return
      // Of one that is gone nobody can say what has taken its place.
      after = part === undefined && isOfPart(next) ? Math.floor(next) : next
      if (found.length > 0) {
        count = nextBatch(
          found.length,
          found.reduce((sum, { value }) => sum + sizeOf(value), 0),
        )
      }
    }
  }
  return { format: database.version, records }
}

const isPart = ({ key }: Found): boolean => isOfPart(key)

const isOfPart = (key: IDBValidKey): key is number => typeof key === 'number' && !Number.isInteger(key)

function isThere(read: Reading, { key, value, unreadable }: Found): Promise<boolean> {
  const reading = read((all) => resultOf<unknown>(all.get(key)))
  return isStill(unreadable === undefined ? sumIn(value) : FLAWED, reading, sumIn)
}

function sumIn(value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'sum' in value ? value.sum : FLAWED
}

function sizeOf(value: unknown): number {
  const entry = typeof value === 'object' && value !== null && 'entry' in value ? value.entry : undefined
  return entry instanceof Uint8Array ? entry.length : 64
}
