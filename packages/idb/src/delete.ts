import { unlessBlocked } from './blocking.ts'
import { databaseName } from './format.ts'
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
    await unlessBlocked(
      surroundings,
      name,
      'delete',
      (onBlocked) => databases.delete(databaseName(name), onBlocked),
      () => undefined,
    )
  } catch (error) {
    throw toStoreError(error, name, 'delete')
  }
}
