import { FIRST_BATCH, nextBatch } from '../batch.ts'
import { databaseName } from '../format.ts'
import { missingError, toStoreError } from '../problems.ts'
import { readAtOnce } from '../requests.ts'
import { FLAWED, isStill } from '../same-part.ts'
import type { Surroundings } from '../surroundings.ts'
import { readBatch, type Found, type Reading } from './read-batch.ts'

/** A database that is looked at. */
export interface Opened {
  /** The version of its format. */
  readonly format: number
  /** Every record of an object store, in the order of the keys, read in batches. A store that this format does not have is empty. */
  records(store: string): AsyncGenerator<Found, void, undefined>
  close(): void
}

/** Before and after all keys that are used: numbers, texts, and lists that begin with a text. */
const FIRST_KEY = -Infinity
const LAST_KEY: IDBValidKey = [[[]]]

/** Opens a database as it is, in whatever format: nothing is upgraded and nothing is changed. Undefined when there is none. */
export async function openAsItIs(name: string, surroundings: Surroundings): Promise<Opened | undefined> {
  const { databases } = surroundings
  if (databases === undefined) throw missingError(name)
  let isThere = true
  let database: IDBDatabase
  try {
    database = await databases.open(databaseName(name), undefined, {
      upgrade() {
        // Only one that was not there before is made in this way. It is not made after all.
        isThere = false
        throw new Error('There is no such database.')
      },
      onBlocked: () => undefined,
      // Nobody waits for us; what we were at fails, and says so.
      onVersionChange: (open) => open.close(),
      onTerminated: () => undefined,
    })
  } catch (error) {
    if (!isThere) return undefined
    throw toStoreError(error, name, 'open')
  }
  return { format: database.version, records: recordsOf(database, name, surroundings), close: () => database.close() }
}

function recordsOf(database: IDBDatabase, name: string, { keyRange }: Surroundings): Opened['records'] {
  return async function* records(store) {
    if (![...database.objectStoreNames].includes(store)) return
    const read: Reading = (ask) => {
      const reading = database.transaction([store], 'readonly')
      const answer = ask(reading.objectStore(store))
      reading.commit()
      return answer
    }
    let after: IDBValidKey | undefined
    let count = FIRST_BATCH
    /** A part of the checkpoint in which the reading stands: the key of one is no whole number. */
    let part: Found | undefined
    for (;;) {
      const range = keyRange.bound(after ?? FIRST_KEY, LAST_KEY, after !== undefined)
      let found: readonly Found[]
      try {
        found = await readBatch(read, range, count)
        const known = part ?? found.find(isPart)
        if (known !== undefined && !(await isThere(database, store, known))) {
          // Another one has taken its place: it is read from its beginning.
          after = Math.floor(Number(known.key))
          part = undefined
          continue
        }
      } catch (error) {
        throw toStoreError(error, name, 'read from')
      }
      yield* found
      part = found.slice(-1).find(isPart)
      if (found.length < count) return
      after = found.at(-1)!.key
      count = nextBatch(
        found.length,
        found.reduce((sum, { value }) => sum + sizeOf(value), 0),
      )
    }
  }
}

const isPart = ({ key }: Found): boolean => typeof key === 'number' && !Number.isInteger(key)

function isThere(database: IDBDatabase, store: string, { key, value, unreadable }: Found): Promise<boolean> {
  const reading = readAtOnce<unknown>(database.transaction([store], 'readonly'), (begun) =>
    begun.objectStore(store).get(key),
  )
  return isStill(unreadable === undefined ? sumIn(value) : FLAWED, reading, sumIn)
}

function sumIn(value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'sum' in value ? value.sum : FLAWED
}

function sizeOf(value: unknown): number {
  const entry = typeof value === 'object' && value !== null && 'entry' in value ? value.entry : undefined
  return entry instanceof Uint8Array ? entry.length : 64
}
