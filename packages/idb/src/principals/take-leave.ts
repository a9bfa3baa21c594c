import { StoreError } from '@syncline/store'
import type { Reading } from '../care/read-batch.ts'
import { connectAsItIs, contentsOf, type Contents } from '../care/walk.ts'
import { deleteContents, deleteLeases } from '../delete.ts'
import { LAST_POSITION, OVER } from '../format.ts'
import { createFreezing } from '../freezing.ts'
import { markOf } from '../mark.ts'
import { nameOf, toStoreError } from '../problems.ts'
import type { Surroundings } from '../surroundings.ts'

/** How long nobody else can use the database while nothing happens: for another one that is waited for meanwhile, or for a tab that stands still in the middle of something. */
const PATIENCE_MS = 10_000

/**
 * Ends the database behind the storage called `name`. `work` looks at it for the last time, while nobody else reads or writes it, and in the same transaction all is taken out of it: so whatever
 * anybody was told to be stored, `work` has seen. From then on nothing can be appended to it, by whoever has it open, and it is deleted as soon as they let go. What uses locks of the storage
 * goes on in `onOver`.
 *
 * When `work` rejects, or the page ends, stands still or is cut off before, all is as it was.
 */
export async function takeLeave(
  name: string,
  surroundings: Surroundings,
  work: (contents: Contents | undefined) => Promise<void>,
  onOver: () => Promise<void>,
): Promise<void> {
  const database = await alone(name, surroundings, work, true)
  if (database === undefined) {
    markOf(name, surroundings).remove()
    return onOver()
  }
  // Asked for before it is let go, so that nobody else can have put another one in its place. Where a tab does not let go it is empty, and deleted later.
  const deleting = deleteContents(name, surroundings).catch(() => undefined)
  database.close()
  await Promise.all([deleting, onOver()])
  await deleteLeases(name, surroundings).catch(() => undefined)
}

/** Lets `work` look at the database behind a storage while nobody else reads or writes it, and changes nothing. */
export async function lookAlone(
  name: string,
  surroundings: Surroundings,
  work: (contents: Contents | undefined) => Promise<void>,
): Promise<void> {
  const database = await alone(name, surroundings, work, false)
  database?.close()
}

/** Resolves to the database, when there is one: after `work`, and after it was emptied and sealed, if it `isLast`. */
async function alone(
  name: string,
  surroundings: Surroundings,
  work: (contents: Contents | undefined) => Promise<void>,
  isLast: boolean,
): Promise<IDBDatabase | undefined> {
  let onCut = (): void => undefined
  const database = await connectAsItIs(name, surroundings, {
    // They wait until we have asked for it to be deleted: what is made in its place by then is not ours.
    onVersionChange: () => undefined,
    onTerminated: () => onCut(),
  })
  if (database === undefined) {
    await work(undefined)
    return undefined
  }
  try {
    await keepOthersOut(database, name, surroundings, work, isLast, (cut) => (onCut = cut))
    return database
  } catch (error) {
    // Where there is no room for what says that it is over, there is none for anything that others may add.
    if (nameOf(error) === 'QuotaExceededError') return database
    database.close()
    throw toStoreError(error, name, 'sign out of')
  }
}

/** Lets `work` read a database in a transaction that keeps everybody else out. */
function keepOthersOut(
  database: IDBDatabase,
  name: string,
  surroundings: Surroundings,
  work: (contents: Contents) => Promise<void>,
  isLast: boolean,
  onCut: (cut: () => void) => void,
): Promise<void> {
  const stores = [...database.objectStoreNames]
  const transaction = database.transaction(stores, 'readwrite')
  const meta = transaction.objectStore('meta')
  /** What `work` has asked for since the last turn. */
  let asked: { issue(): void; reject(error: unknown): void }[] = []
  let isDone = false
  /** Whether all has happened that is to happen. */
  let isOver = false
  let failure: unknown

  return new Promise((resolve, reject) => {
    const stopWatching = createFreezing(surroundings.page).watch(() => fail(heldError(name)))
    let stopWaiting = (): void => undefined
    wait()
    onCut(() => fail(new DOMException('The browser has closed the connection.', 'AbortError')))
    transaction.oncomplete = () => {
      if (!isOver) fail(undefined)
      end()
      resolve()
    }
    transaction.onabort = () => fail(transaction.error)
    // One record that cannot be read is no reason to end.
    transaction.onerror = (event) => event.preventDefault()
    const first = meta.get('identity')
    first.onerror = () => {
      // Whatever it is: `work` says what is wrong with it.
      if (nameOf(first.error) !== 'AbortError') begin()
    }
    first.onsuccess = () => {
      // Somebody else was first, and has not come to the end of it.
      isOver = first.result === OVER
      if (!isOver) begin()
    }

    function begin(): void {
      work(contentsOf(database, readingOf, name, surroundings)).then(() => (isDone = true), fail)
      turn()
    }

    function wait(): void {
      stopWaiting()
      stopWaiting = surroundings.setTimer(PATIENCE_MS, () => fail(heldError(name)))
    }

    function end(): void {
      stopWaiting()
      stopWatching()
    }

    function fail(error: unknown): void {
      if (failure !== undefined) return
      failure = error ?? new DOMException('The transaction was aborted.', 'AbortError')
      end()
      for (const one of asked) one.reject(failure)
      reject(failure)
      try {
        transaction.abort()
      } catch {
        // It is over.
      }
    }

    /** Only in answer to a request can a further one be made; so one is always under way, and brings those that were asked for meanwhile. */
    function turn(): void {
      if (failure !== undefined) return
      const ready = asked
      asked = []
      for (const { issue } of ready) issue()
      isOver = isDone
      if (isDone && isLast) seal()
      if (!isDone) meta.getAllKeys().onsuccess = turn
    }

    function readingOf(store: string): Reading {
      return (ask) =>
        new Promise((answer, reject) => {
          if (failure !== undefined) {
            reject(failure)
            return
          }
          wait()
          asked.push({ issue: () => void ask(transaction.objectStore(store)).then(answer, reject), reject })
        })
    }

    function seal(): void {
      transaction.onerror = ({ target }) => {
        const { error } = target as IDBRequest
        if (nameOf(error) !== 'AbortError') fail(error)
      }
      for (const store of stores) transaction.objectStore(store).clear()
      transaction.objectStore('entries').put({ space: '', position: LAST_POSITION })
      meta.put(OVER, 'identity')
    }
  })
}

function heldError(name: string): StoreError {
  return new StoreError(
    'storage-blocked',
    `Cannot sign out of "${name}": another tab uses it and does not go on, or this one stood still. Nothing was deleted. Close the app's other tabs, and sign out again.`,
  )
}
