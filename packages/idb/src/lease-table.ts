import { leasesName, randomIdentity } from './format.ts'
import { nameOf } from './problems.ts'
import { readAtOnce, writeTogether } from './requests.ts'
import type { Surroundings } from './surroundings.ts'

/** Somebody who holds a lock or waits for it. */
export interface Claim {
  readonly token: string
  /** Whose it is. */
  readonly tab: string
  readonly isShared: boolean
  /** It is for work that nobody else may do before it is over. */
  readonly isKept: boolean
}

/** Those who hold a lock, and behind them those who wait for it, in turn. */
export type Line = readonly Claim[]

/** How many of a line hold the lock: the first, and if that shares it all behind it that do, too. */
export function holdersIn(line: Line): number {
  const first = line.findIndex(({ isShared }) => !isShared)
  return first === 0 ? 1 : first < 0 ? line.length : first
}

/** The line of one lock as it was found; without a stamp where there was none. */
export interface Found {
  readonly line: Line
  readonly stamp: string | undefined
}

interface LineRecord extends Found {
  readonly name: string
}

/** The lines of all locks of one storage, on the disk, where all tabs find them. */
export interface LeaseTable {
  /**
   * Puts what `next` makes of a line in its place, in one atomic step; nothing where it makes undefined of it. Resolves to what is there then. Where the storage cannot be
   * written, to what would be there, which is not `isStored`; where it cannot be read either, what was `known` of the line is taken for it.
   */
  change(
    key: string,
    known: Found | undefined,
    next: (found: Found) => Line | undefined,
  ): Promise<Found & { readonly isStored: boolean }>
  /** Hands over the same for a line as it was found last, in this task. If it is another one by now, nothing happens. */
  handOver(key: string, found: Found, next: Line): void
  close(): void
}

const LINES = 'lines'
/** The connection is made anew so often before the storage is taken for one that does not work. */
const MOST_TRIES = 2

/**
 * Opens the table of the storage called `name`. It is a database of its own: a lock is nothing that needs the format of what is stored, and nobody who takes one waits for those
 * who write.
 *
 * A line is changed by writes that fail when it is another one by then, not by a reading in the same transaction: all requests are issued in one task, so that a page that
 * stands still in the middle keeps nobody from their locks. Each record has a stamp that is never used again, and a name has one record at most.
 *
 * `onGone` is called when the browser has dropped the table, or it is being deleted: what was in it may not be there any more.
 */
export function openLeaseTable(name: string, surroundings: Surroundings, onGone: () => void): LeaseTable {
  const { keyRange } = surroundings
  let opening: Promise<IDBDatabase> | undefined
  /** The same, as long as it is open. */
  let present: IDBDatabase | undefined
  /** What ends the wait for what is under way. */
  const cuts = new Set<() => void>()
  let closed = false

  function forget(): void {
    opening = present = undefined
    for (const cut of cuts) cut()
  }

  function lose(): void {
    forget()
    if (!closed) onGone()
  }

  function open(): Promise<IDBDatabase> {
    const { databases } = surroundings
    if (databases === undefined) return Promise.reject(new DOMException('There is no IndexedDB.', 'InvalidStateError'))
    if (opening !== undefined) return opening
    const mine: Promise<IDBDatabase> = databases
      .open(leasesName(name), 1, {
        upgrade(database) {
          const lines = database.createObjectStore(LINES, { keyPath: ['name', 'stamp'] })
          lines.createIndex('byName', 'name', { unique: true })
        },
        onBlocked: () => undefined,
        onVersionChange(database) {
          database.close()
          lose()
        },
        onTerminated: lose,
      })
      .then(
        (database) => {
          if (closed || opening !== mine) database.close()
          else present = database
          return database
        },
        (error: unknown) => {
          if (opening === mine) opening = undefined
          throw error
        },
      )
    opening = mine
    return mine
  }

  /** Rejects when the browser drops the connection: of what was told to commit it may say nothing more. */
  async function over<T>(work: (database: IDBDatabase) => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      let database: IDBDatabase | undefined
      try {
        const used = (database = present ?? (await open()))
        return await new Promise<T>((resolve, reject) => {
          const cut = (): void => reject(new DOMException('The connection is closed.', 'AbortError'))
          cuts.add(cut)
          // What it throws rejects this.
          work(used)
            .then(resolve, reject)
            .finally(() => cuts.delete(cut))
        })
      } catch (error) {
        if (nameOf(error) === 'ConstraintError' || closed || tries === MOST_TRIES) throw error
        database?.close()
        if (present === database) forget()
      }
    }
  }

  async function find(key: string): Promise<Found> {
    const found = await over(async (database) =>
      readAtOnce<Partial<Found> | undefined>(database.transaction(LINES, 'readonly'), (transaction) =>
        transaction.objectStore(LINES).index('byName').get(keyRange.bound(key, key)),
      ),
    )
    return { line: soundLine(found?.line), stamp: found?.stamp }
  }

  async function write(database: IDBDatabase, key: string, { stamp }: Found, next: Found): Promise<unknown> {
    return writeTogether(surroundings, database.transaction(LINES, 'readwrite'), (transaction) => {
      const lines = transaction.objectStore(LINES)
      if (stamp !== undefined) lines.delete([key, stamp])
      // If there is another one, it is in the way of this.
      return lines.add({ name: key, stamp: next.stamp, line: next.line })
    })
  }

  /**
   * Takes out the lines in which nobody is any more. Not when the last one has left: whoever had read it with them in it would find nothing in the way of what they write, and they
   * would be in it again.
   */
  async function sweep(): Promise<void> {
    const all = await over(async (database) =>
      readAtOnce<Partial<LineRecord>[]>(database.transaction(LINES, 'readonly'), (transaction) =>
        transaction.objectStore(LINES).index('byName').getAll(keyRange.bound('', [])),
      ),
    )
    const empty = all.filter(({ line }) => line?.length === 0)
    if (empty.length === 0) return
    await over(async (database) =>
      writeTogether(surroundings, database.transaction(LINES, 'readwrite'), (transaction) => {
        const lines = transaction.objectStore(LINES)
        return empty.map(({ name: key, stamp }) => lines.delete([key!, stamp!])).at(-1)!
      }),
    )
  }

  const after = (line: Line): Found => ({ line, stamp: randomIdentity(surroundings) })

  // Nobody waits for it, and whoever opens the table next does it again.
  sweep().catch(() => undefined)

  return {
    async change(key, known = nothing, next) {
      for (;;) {
        let found = known
        let isRead = false
        try {
          found = await find(key)
          isRead = true
          const line = next(found)
          if (line === undefined) return { ...found, isStored: true }
          const put = after(line)
          await over(async (database) => write(database, key, found, put))
          return { ...put, isStored: true }
        } catch (error) {
          // Another tab was first.
          if (isRead && nameOf(error) === 'ConstraintError') continue
          return { ...found, line: next(found) ?? found.line, isStored: false }
        }
      }
    },
    handOver(key, found, next) {
      // The page may end: nobody can be told what has become of it, and whoever comes upon the old line asks who is in it.
      if (present !== undefined) write(present, key, found, after(next)).catch(() => undefined)
    },
    close() {
      closed = true
      present?.close()
      forget()
    },
  }
}

const nothing: Found = { line: [], stamp: undefined }

/** What of a record is a line: were it damaged, nobody could be asked who is said to be in it. */
function soundLine(line: unknown): Line {
  return Array.isArray(line) ? line.filter(isClaim) : []
}

function isClaim(it: Partial<Claim> | null | undefined): it is Claim {
  return typeof it?.token === 'string' && typeof it.tab === 'string'
}
