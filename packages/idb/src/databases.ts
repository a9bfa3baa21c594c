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
export const databasesHere: Databases = {
  async open(name, version, { upgrade, onBlocked, onVersionChange, onTerminated }) {
    /** Why the upgrade was broken off. */
    let broken: { readonly error: unknown } | undefined
    const opening = openDB(name, version, {
      upgrade(database, oldVersion, _, transaction) {
        // When it is aborted, opening fails with the same reason.
        transaction.done.catch(() => undefined)
        try {
          upgrade(unwrap(database), oldVersion)
        } catch (error) {
          broken = { error }
          abort(unwrap(transaction))
        }
      },
      blocked: onBlocked,
      blocking(_, newVersion, { target }) {
        if (target instanceof IDBDatabase) onVersionChange(target, newVersion)
      },
      terminated: onTerminated,
    })
    return unwrap(
      await opening.catch((error: unknown) => {
        throw broken?.error ?? error
      }),
    )
  },
  delete: (name, onBlocked) => deleteDB(name, { blocked: onBlocked }),
}

/** Undoes what a transaction has done; one that is over already has done nothing. */
function abort(transaction: IDBTransaction): void {
  try {
    transaction.abort()
  } catch {
    // It is over.
  }
}
