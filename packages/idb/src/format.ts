import type { Surroundings } from './surroundings.ts'

/** One entry of one space's log; FORMAT.md says what else is in a database. */
export interface EntryRecord {
  readonly position: number
  readonly space: string
  readonly entry: Uint8Array
  /** Its number among the entries of the space that were appended with a claim. */
  readonly claim?: number
  /** The checksum of what the entry does not check itself. */
  readonly sum?: number
}

/** A record that could not be read, where it is not read again. */
export interface AsideRecord {
  /** The object store in which it was found, and its key there. */
  readonly from: string
  readonly key: IDBValidKey
  /** The space in whose log it was found; empty when it was in none. */
  readonly space: string
  /** What is wrong with it, in words. */
  readonly reason: string
  /** What was found. */
  readonly value: unknown
}

/** The version of the format, which is the version of the database. It only grows. */
export const FORMAT_VERSION = 4

/** The identity of a database whose principal has signed out: all was taken out of it, and nothing can be appended to it. Whoever opens it takes it away. */
export const OVER: string = '0'.repeat(32)

/** Behind an entry at this position the key generator has no number for another one: what would be appended is refused. */
export const LAST_POSITION: number = 2 ** 53

/** The name of the database behind the storage called `name`. */
export function databaseName(name: string): string {
  return `syncline:${name}`
}

/** The name that a lock or channel called `key` has among those of the whole origin. */
export function originWide(name: string, key: string): string {
  // As JSON, no name and key run into another name and key, and lone surrogates are escaped.
  return `syncline:${JSON.stringify([name, key])}`
}

/** The name of the database that has the lines of locks where there are no Web Locks. */
export function leasesName(name: string): string {
  return `${originWide(name, 'leases')} locks`
}

/**
 * Brings a database from `oldVersion`, 0 when there was none, to the present format. `identity` is for a database that is made. Runs inside the
 * upgrade's transaction.
 */
export function upgrade(database: IDBDatabase, oldVersion: number, identity: string): void {
  if (oldVersion < 1) {
    // The number is made in the transaction that stores the entry, so that an append needs no reading before it writes.
    const entries = database.createObjectStore('entries', { keyPath: 'position', autoIncrement: true })
    entries.createIndex('bySpace', ['space', 'position'], { unique: true })
    database.createObjectStore('fences')
    database.createObjectStore('meta').put(identity, 'identity')
  }
  if (oldVersion < 2) {
    // That a space has one record at most is what makes taking a number safe: see FORMAT.md.
    const claims = database.createObjectStore('claims', { keyPath: ['space', 'claim'] })
    claims.createIndex('bySpace', 'space', { unique: true })
  }
  if (oldVersion < 3) database.createObjectStore('aside', { keyPath: ['from', 'key'] })
  // Version 4 has no more stores than 3. Code of that one would take parts of checkpoints for damaged.
}

/** Whether something can be the identity of a database. */
export function isIdentity(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{32}$/.test(value)
}

/** Tells this database from the one that will have its name after it was deleted. */
export function randomIdentity({ randomBytes }: Surroundings): string {
  return Array.from(randomBytes(16), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
