/** Opens and deletes databases. */
export interface Databases {
  /**
   * Resolves to the open database, at this version, or at the one that it has; one that is not there then has none, and is upgraded to 1. Rejects with the
   * browser's reason, also when the upgrade throws.
   */
  open(name: string, version: number | undefined, events: DatabaseEvents): Promise<IDBDatabase>
  /** Resolves when it is gone, also when it never was. */
  delete(name: string, onBlocked: () => void): Promise<void>
}

/** What happens to a database while it is opened, and afterwards. */
export interface DatabaseEvents {
  /** Brings it from an older version, 0 when there was none. All requests are issued before it returns. */
  upgrade(database: IDBDatabase, oldVersion: number): void
  /** Others have it open, and have not let go yet. */
  onBlocked(): void
  /** Somebody wants to upgrade it, or to delete it (null), and waits for us. */
  onVersionChange(database: IDBDatabase, newVersion: number | null): void
  /** The browser has dropped this connection. */
  onTerminated(): void
}

/** Those of this page. */
export const databasesHere: Databases = {
  // A browser may refuse already to be asked.
  open: async (name, version, { upgrade, onBlocked, onVersionChange, onTerminated }) => {
    /** Why the upgrade was broken off. */
    let broken: { readonly error: unknown } | undefined
    const request = indexedDB.open(name, version)
    request.onblocked = onBlocked
    request.onupgradeneeded = ({ oldVersion }) => {
      try {
        upgrade(request.result, oldVersion)
      } catch (error) {
        broken = { error }
        // When it is aborted, opening fails.
        abort(request.transaction!)
      }
    }
    await settled(request, () => broken?.error ?? request.error)
    const database = request.result
    // As listeners, which leave the properties to whoever else looks at this database.
    database.addEventListener('versionchange', ({ newVersion }) => onVersionChange(database, newVersion))
    database.addEventListener('close', onTerminated)
    return database
  },
  delete: async (name, onBlocked) => {
    const request = indexedDB.deleteDatabase(name)
    request.onblocked = onBlocked
    await settled(request, () => request.error)
  },
}

function settled(request: IDBRequest, reason: () => unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve()
    request.onerror = () => reject(reason())
  })
}

/** Undoes what a transaction has done; one that is over already has done nothing. */
function abort(transaction: IDBTransaction): void {
  try {
    transaction.abort()
  } catch {
    // It is over.
  }
}
