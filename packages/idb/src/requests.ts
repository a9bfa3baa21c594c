/** Resolves to the result of a request that reads. */
export function resultOf<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error ?? new DOMException('The request failed.', 'UnknownError'))
  })
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

/**
 * Lets `issue` make all requests of a transaction that writes, commits, and resolves to the result of the request it returned when the
 * browser says that all is stored. Rejects with the reason when nothing is.
 *
 * Everything is handed over in one task: a tab that is frozen or closed right after has written all of it, and a transaction that it holds
 * open cannot keep the other tabs from writing (https://w3c.github.io/IndexedDB/#dom-idbtransaction-commit).
 */
export function writeAtOnce<T>(
  transaction: IDBTransaction,
  issue: (transaction: IDBTransaction) => IDBRequest<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let request: IDBRequest<T>
    transaction.oncomplete = () => resolve(request.result)
    // A full disk is told here, not to the request.
    transaction.onabort = () =>
      reject(transaction.error ?? new DOMException('The transaction was aborted.', 'AbortError'))
    try {
      request = issue(transaction)
      transaction.commit()
    } catch (error) {
      reject(error)
      transaction.abort()
    }
  })
}
