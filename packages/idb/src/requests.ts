import type { Surroundings } from './surroundings.ts'

/** Resolves to the result of a request that reads, or to what is wanted `of` it: a cursor is of no use later. */
export function resultOf<T, U = T>(request: IDBRequest<T>, of?: (result: T) => U): Promise<U>
export function resultOf<T>(request: IDBRequest<T>, of: (result: T) => unknown = inThisRealm): Promise<unknown> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(of(request.result))
    request.onerror = () => reject(request.error!)
  })
}

/**
 * What came out of a database that was opened in a frame is of that realm: `instanceof` does not know it, and each object of it keeps the whole frame in memory. It is
 * copied into this one.
 */
function inThisRealm<T>(value: T): T {
  return typeof value !== 'object' || value === null || value instanceof Object ? value : structuredClone(value)
}

/**
 * Resolves to the result of the one request of a transaction that reads. That is committed at once: a page that stands still before it has heard the
 * result would keep all others from writing.
 */
export function readAtOnce<T>(
  transaction: IDBTransaction,
  ask: (transaction: IDBTransaction) => IDBRequest<T>,
): Promise<T> {
  const result = resultOf(ask(transaction))
  transaction.commit()
  return result
}

/** Resolves to the greatest key in a range. */
export function lastKeyAtOnce(
  transaction: IDBTransaction,
  store: string,
  range: IDBKeyRange,
): Promise<IDBValidKey | undefined> {
  const key = resultOf(transaction.objectStore(store).openKeyCursor(range, 'prev'), (cursor) => cursor?.key)
  transaction.commit()
  return key
}

/**
 * Lets `issue` make all requests of a transaction that writes, commits, and resolves to the result of the request it returned when the
 * browser says that all is stored. Rejects with the reason when nothing is. Only the last of the requests may fail: see `writeTogether`.
 *
 * Everything is handed over in one task: a tab that is frozen or closed right after has written all of it, and a transaction that it holds
 * open cannot keep the other tabs from writing (https://w3c.github.io/IndexedDB/#dom-idbtransaction-commit).
 */
export function writeAtOnce<T>(
  transaction: IDBTransaction,
  issue: (transaction: IDBTransaction) => IDBRequest<T>,
): Promise<T> {
  return write(transaction, issue, true)
}

/**
 * The same for requests of which any may fail, so that nothing is stored when one does.
 *
 * Firefox stores the others when it was told to commit and the last request is none of those that failed. There the transaction commits by itself when
 * they have all succeeded: a page that ends before that has stored nothing.
 */
export function writeTogether<T>(
  { commitsParts }: Pick<Surroundings, 'commitsParts'>,
  transaction: IDBTransaction,
  issue: (transaction: IDBTransaction) => IDBRequest<T>,
): Promise<T> {
  return write(transaction, issue, !commitsParts)
}

/**
 * As `writeTogether`, but nothing is stored where `isUnfit` says so of what `asked` reads in the same transaction: then it resolves to false. What is written waits for that answer, so a page that
 * stands still meanwhile keeps others from writing: for what is seldom done.
 */
export async function writeUnless<T, U>(
  transaction: IDBTransaction,
  asked: IDBRequest<T>,
  isUnfit: (found: T) => boolean,
  issue: (transaction: IDBTransaction) => IDBRequest<U>,
): Promise<boolean> {
  let isRefused = false
  asked.onsuccess = () => {
    isRefused = isUnfit(asked.result)
    if (isRefused) transaction.abort()
  }
  try {
    await write(transaction, issue, false)
    return true
  } catch (error) {
    if (isRefused) return false
    throw error
  }
}

function write<T>(
  transaction: IDBTransaction,
  issue: (transaction: IDBTransaction) => IDBRequest<T>,
  commits: boolean,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let request: IDBRequest<T>
    let failure: DOMException | null = null
    // Of a transaction that was told to commit Firefox and WebKit do not say why it was aborted. What was aborted with it says nothing of the cause.
    transaction.onerror = ({ target }) => {
      const { error } = target as IDBRequest // the only things in a transaction that fail
      if (error?.name !== 'AbortError') failure ??= error
    }
    transaction.oncomplete = () => resolve(request.result)
    // A full disk is told here, not to the request.
    transaction.onabort = () =>
      reject(failure ?? transaction.error ?? new DOMException('The transaction was aborted.', 'AbortError'))
    try {
      request = issue(transaction)
      if (commits) transaction.commit()
    } catch (error) {
      reject(error)
      transaction.abort()
    }
  })
}
