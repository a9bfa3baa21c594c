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
    const { databases } = surroundings
    if (databases === undefined) throw missingError(name)
    const mark = markOf(name, surroundings)
    // First, for a tab that does not let go may do so when nobody waits any more.
    mark.remove()
    await unlessBlocked(
      surroundings,
      name,
      'delete',
      (onBlocked) => databases.delete(databaseName(name), onBlocked),
      () => undefined,
    )
    // Who holds a lock or waits for one is asked to let go of this, and enters that again where it is gone.
    if (surroundings.locks === undefined) {
      await unlessBlocked(
        surroundings,
        name,
        'delete',
        (onBlocked) => databases.delete(leasesName(name), onBlocked),
        () => undefined,
      )
    }
    // Again, for a tab may have stored its first entry in between.
    mark.remove()
  } catch (error) {
    throw toStoreError(error, name, 'delete')
  }
}
