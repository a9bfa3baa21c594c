import { deleteDB, openDB, unwrap } from 'idb'

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

/** Those of this page, opened by the library `idb`. */
export const databasesOfPage: Databases = {
  open: (name, version, { upgrade, onBlocked, onVersionChange, onTerminated }) =>
    orBroken(async (runUpgrade) =>
      unwrap(
        await openDB(name, version, {
          upgrade(database, oldVersion, _, transaction) {
            // When it is aborted, opening fails with the same reason.
            transaction.done.catch(() => undefined)
            runUpgrade(unwrap(transaction), () => upgrade(unwrap(database), oldVersion))
          },
          blocked: onBlocked,
          blocking(_, newVersion, { target }) {
            if (target instanceof IDBDatabase) onVersionChange(target, newVersion)
          },
          terminated: onTerminated,
        }),
      ),
    ),
  delete: (name, onBlocked) => deleteDB(name, { blocked: onBlocked }),
}

/** Those that an `indexedDB` of another realm gives. The library asks by `instanceof`, which knows only what is of this one. */
export function databasesIn(factory: IDBFactory): Databases {
  return {
    open: (name, version, { upgrade, onBlocked, onVersionChange, onTerminated }) =>
      orBroken(async (runUpgrade) => {
        const request = factory.open(name, version)
        request.onupgradeneeded = ({ oldVersion }) =>
          runUpgrade(request.transaction!, () => upgrade(request.result, oldVersion))
        const database = await done(request, onBlocked)
        database.onversionchange = ({ newVersion }) => onVersionChange(database, newVersion)
        database.onclose = onTerminated
        return database
      }),
    delete: async (name, onBlocked) => void (await done(factory.deleteDatabase(name), onBlocked)),
  }
}

function done<T>(request: IDBOpenDBRequest & IDBRequest<T>, onBlocked: () => void): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onblocked = onBlocked
    request.onerror = () => reject(request.error!)
    request.onsuccess = () => resolve(request.result)
  })
}

/** Opens a database whose upgrade is broken off when it throws; then this rejects with the reason. */
async function orBroken(
  open: (runUpgrade: (transaction: IDBTransaction, upgrade: () => void) => void) => Promise<IDBDatabase>,
): Promise<IDBDatabase> {
  let broken: { readonly error: unknown } | undefined
  try {
    return await open((transaction, upgrade) => {
      try {
        upgrade()
      } catch (error) {
        broken = { error }
        abort(transaction)
      }
    })
  } catch (error) {
    throw broken === undefined ? error : broken.error
  }
}

/** Undoes what a transaction has done; one that is over already has done nothing. */
function abort(transaction: IDBTransaction): void {
  try {
    transaction.abort()
  } catch {
    // It is over.
  }
}
