import type { StoreError } from '@syncline/store'
import { unlessBlocked } from './blocking.ts'
import type { Databases } from './databases.ts'
import { databaseName, FORMAT_VERSION, isIdentity, OVER, randomIdentity, upgrade } from './format.ts'
import {
  clearedError,
  droppedError,
  isServerLost,
  missingError,
  nameOf,
  supersededError,
  toStoreError,
  wipedError,
} from './problems.ts'
import { markOf } from './mark.ts'
import { readAtOnce, writeTogether } from './requests.ts'
import { type Surroundings, surroundingsHere } from './surroundings.ts'

/**
 * One open database, on a connection that is made anew when the browser drops it.
 *
 * Nothing done on a dropped connection ever succeeds again, only a new one helps. What is lost for good is the database itself:
 * deleted, cleared by the user, or upgraded by newer code.
 */
export interface Connection {
  /** Resolves when the database is open; rejects with the `StoreError` that says why it is not. */
  ready(): Promise<unknown>
  /**
   * Begins a transaction and gives it to `body`, which issues its requests before it returns. When the connection turns out to be
   * dropped, nothing has happened yet, and it is done once more on a new one.
   */
  begin<T>(
    stores: readonly StoreName[],
    mode: IDBTransactionMode,
    options: IDBTransactionOptions,
    body: (transaction: IDBTransaction) => Promise<T>,
  ): Promise<T>
  /** That there was another database before this one, when it was opened first. */
  cleared(): StoreError | undefined
  /** Why the database is lost for good, when it is. */
  lost(): StoreError | undefined
  /** Calls `listener` once when the database is lost for good; soon, when it already is. */
  onLost(listener: (error: StoreError) => void): () => void
  /** Something failed as it does where all is over: it is looked whether it is lost. */
  doubt(): void
  close(): void
}

/** The object stores; FORMAT.md says what is in them. */
export type StoreName = 'entries' | 'fences' | 'claims' | 'meta' | 'aside'

/** How long after the browser closed a connection we look for what became of the database. */
const CHECK_AFTER_MS = 1000

/**
 * How long to wait before each further try to open a database for the first time. Browsers fail to when what had it open before is still on its way out, or
 * their storage has just broken down: what nobody tries again is a session in memory, beside all that is stored.
 */
const PATIENCES_MS = [50, 450]

const ignore = (): void => undefined

/** Connects to the database behind the storage called `name`. `version` is for tests of what newer code will do. */
export function connect(
  name: string,
  surroundings: Surroundings = surroundingsHere,
  version: number = FORMAT_VERSION,
): Connection {
  const listeners = new Set<(error: StoreError) => void>()
  /** By connection, what ends the wait for each transaction that is under way on it. */
  const underWay = new WeakMap<Promise<IDBDatabase>, Set<() => void>>()
  let current: Promise<IDBDatabase> | undefined
  /** The same, as long as it is open. */
  let present: IDBDatabase | undefined
  let identity: string | undefined
  let lost: StoreError | undefined
  let cleared: StoreError | undefined
  const mark = markOf(name, surroundings)
  /** Whether there is something in it that would be missed, and that is noted. */
  let isNoted = false
  let closed = false
  let cancelCheck: (() => void) | undefined

  function ready(): Promise<IDBDatabase> {
    if (lost !== undefined) return Promise.reject(lost)
    if (current === undefined) {
      const opening = open(() => onDropped(opening))
      current = opening
      underWay.set(opening, new Set())
      opening.then(
        (database) => {
          if (current === opening) present = database
        },
        // Whoever waits for it is told; the next one tries again.
        () => drop(opening),
      )
    }
    return current
  }

  /** The browser has dropped a connection. */
  function onDropped(opened: Promise<IDBDatabase>): void {
    for (const cut of underWay.get(opened) ?? []) cut()
    if (!drop(opened) || closed) return
    // Whatever the browser is doing to the data goes on for a moment. Then we look whether it is still there, if no operation did
    // before; when the browser is not ready even then, the next operation asks again.
    cancelCheck?.()
    cancelCheck = surroundings.setTimer(CHECK_AFTER_MS, () => void ready().catch(ignore))
  }

  /**
   * The same, but rejects when the browser drops the connection before it is over. Of a transaction that was told to commit Chromium says nothing then,
   * neither that it is complete nor that it is aborted.
   */
  function unlessDropped<T>(opened: Promise<IDBDatabase>, database: IDBDatabase, working: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const cuts = underWay.get(opened)
      const cut = (): void => reject(new DOMException('The browser has closed the connection.', 'AbortError'))
      const fail = (error: unknown): void => {
        reject(error)
        if (!isServerLost(error)) return
        // Of the connection WebKit may never say that it is closed.
        database.close()
        onDropped(opened)
      }
      cuts?.add(cut)
      working.then(resolve, fail).finally(() => cuts?.delete(cut))
    })
  }

  async function open(onTerminated: () => void, patiencesMs = PATIENCES_MS): Promise<IDBDatabase> {
    try {
      const { databases } = surroundings
      if (databases === undefined) throw missingError(name)
      const database = await openOnce(databases, onTerminated)
      try {
        const [found, isMended] = await look(database)
        if (lost !== undefined) throw lost
        if (found === OVER) {
          // Who has signed out has asked for that as well, unless their page has ended. It is gone, and a new one is made, with the next try.
          databases.delete(databaseName(name), ignore).catch(ignore)
          throw new Error(wipedError(name).message)
        }
        if (identity === undefined) compareMark(found, isMended)
        identity = found
      } catch (error) {
        database.close()
        throw error
      }
      if (closed) database.close()
      return database
    } catch (error) {
      const reason = lost ?? toStoreError(error, name, 'open')
      const isFailed = reason.code === 'storage-failed'
      // It was open before: whatever the browser says, it is the connection that is gone.
      if (isFailed && identity !== undefined) throw droppedError(name, 'open', error)
      const [patienceMs, ...others] = patiencesMs
      // Where there is none, or it is forbidden, there will be none in a moment.
      const isFinal = !isFailed || reason === error || nameOf(error) === 'SecurityError'
      if (isFinal || patienceMs === undefined) throw reason
      await new Promise<void>((resolve) => surroundings.setTimer(patienceMs, resolve))
      return open(onTerminated, others)
    }
  }

  /** Which database it is. Another one than before is none of ours. */
  async function look(database: IDBDatabase): ReturnType<typeof identityOf> {
    const read = await identityOf(database, surroundings)
    if (identity !== undefined && read[0] !== identity) lose(wipedError(name))
    return read
  }

  /** Of a database that is opened for the first time by this connection. */
  function compareMark(found: string, isMended: boolean): void {
    const noted = mark.read()
    if (noted === undefined) return
    isNoted = true
    if (noted === found) return
    if (!isMended) cleared = clearedError(name)
    mark.note(found)
  }

  /** An entry is stored. */
  function noteStored(): void {
    if (isNoted || identity === undefined || lost !== undefined) return
    isNoted = true
    mark.note(identity)
  }

  function openOnce(databases: Databases, onTerminated: () => void): Promise<IDBDatabase> {
    const start = (onBlocked: () => void, onBegun: () => void): Promise<IDBDatabase> =>
      databases.open(databaseName(name), version, {
        upgrade(database, oldVersion) {
          onBegun()
          upgrade(database, oldVersion, randomIdentity(surroundings))
        },
        onBlocked,
        onVersionChange(database, newVersion) {
          // Held open, it would block the other tab; and what old code writes after an upgrade is damage.
          database.close()
          // Deleted before it is known which one it is, it is opened anew.
          if ((newVersion ?? identity) !== undefined) lose(supersededError(name, newVersion))
        },
        onTerminated,
      })
    return unlessBlocked(surroundings, name, 'open', start, (database) => database.close())
  }

  /** Forgets a connection; false when it was not the present one any more. */
  function drop(dropped: Promise<IDBDatabase>): boolean {
    if (current !== dropped) return false
    current = present = undefined
    return true
  }

  function lose(error: StoreError): void {
    if (lost !== undefined || closed) return
    lost = error
    present = undefined
    for (const listener of listeners) tell(listener, error)
  }

  /** Later and each by itself, so that a listener that throws harms nobody else. */
  function tell(listener: (error: StoreError) => void, error: StoreError): void {
    queueMicrotask(() => {
      if (listeners.delete(listener)) listener(error)
    })
  }

  return {
    ready,
    async begin(stores, mode, options, body) {
      for (let isSecond = false; ; isSecond = true) {
        const opened = ready()
        // What can be handed over in this task is.
        const database = present ?? (await opened)
        let transaction: IDBTransaction
        try {
          transaction = database.transaction(stores, mode, options)
        } catch (error) {
          if (isSecond || closed || nameOf(error) !== 'InvalidStateError') throw error
          drop(opened)
          continue
        }
        const result = await unlessDropped(opened, database, body(transaction))
        if (mode === 'readwrite' && stores.includes('entries')) noteStored()
        return result
      }
    },
    doubt() {
      ready().then(look).catch(ignore)
    },
    cleared: () => cleared,
    lost: () => lost,
    onLost(listener) {
      // A function of its own: the same listener may be given twice.
      const own = (error: StoreError): void => listener(error)
      listeners.add(own)
      if (lost !== undefined) tell(own, lost)
      return () => listeners.delete(own)
    },
    close() {
      closed = true
      cancelCheck?.()
      listeners.clear()
      // One that never opened has nothing to close, and has told whoever asked for it.
      current?.then((database) => database.close(), ignore)
    },
  }
}

/** Which database this is. One whose identity is damaged, or gone, is given another: of several tabs that find it so, the first decides. */
async function identityOf(
  database: IDBDatabase,
  surroundings: Surroundings,
): Promise<readonly [found: string, isMended: boolean]> {
  const found = await readAtOnce<unknown>(database.transaction('meta', 'readonly'), (reading) =>
    reading.objectStore('meta').get('identity'),
  )
  if (isIdentity(found)) return [found, false]
  // Looked at again where it is put right, in a transaction that keeps the others out.
  let identity = found as string
  await writeTogether({ commitsParts: true }, database.transaction('meta', 'readwrite'), (transaction) => {
    const meta = transaction.objectStore('meta')
    const request = meta.get('identity')
    request.onsuccess = () => {
      const now: unknown = request.result
      identity = isIdentity(now) ? now : randomIdentity(surroundings)
      if (identity !== now) meta.put(identity, 'identity')
      // Nothing more is asked: a page that stands still now keeps nobody from writing.
      transaction.commit()
    }
    return request
  })
  return [identity, true]
}
