import { unlessBlocked } from './blocking.ts'
import { databaseName, leasesName } from './format.ts'
import { markOf } from './mark.ts'
import { missingError, toStoreError } from './problems.ts'
import { type Surroundings, surroundingsHere } from './surroundings.ts'

/**
 * Deletes everything that the storage called `name` keeps in this browser. Stores that have it open, in any tab, lose it and say so.
 *
 * Resolves when it is gone, also when there was nothing. Rejects with `StoreError` `storage-blocked` when a tab does not let go; it is then
 * deleted when that tab closes. Rejects with `storage-failed` where the browser has no IndexedDB.
 *
 * @example
 * import { deleteDatabase } from '@syncline/idb'
 *
 * // Node has no IndexedDB.
 * await expect(deleteDatabase('my-app')).rejects.toThrow('no IndexedDB')
 */
export async function deleteDatabase(name: string, surroundings: Surroundings = surroundingsHere): Promise<void> {
  try {
    await deleteContents(name, surroundings)
    await deleteLeases(name, surroundings)
    // Again, for a tab may have stored its first entry in between.
    markOf(name, surroundings).remove()
  } catch (error) {
    throw toStoreError(error, name, 'delete')
  }
}

/** Deletes what stores keep. It is asked for in this task. */
export function deleteContents(name: string, surroundings: Surroundings): Promise<void> {
  // First, for a tab that does not let go may do so when nobody waits any more.
  markOf(name, surroundings).remove()
  return deleteOne(name, databaseName(name), surroundings)
}

/** Who holds a lock or waits for one is asked to let go of this, and enters that again where it is gone. */
export async function deleteLeases(name: string, surroundings: Surroundings): Promise<void> {
  if (surroundings.locks === undefined) await deleteOne(name, leasesName(name), surroundings)
}

function deleteOne(name: string, database: string, surroundings: Surroundings): Promise<void> {
  const { databases } = surroundings
  if (databases === undefined) return Promise.reject(missingError(name))
  return unlessBlocked(
    surroundings,
    name,
    'delete',
    (onBlocked) => databases.delete(database, onBlocked),
    () => undefined,
  )
}
