import type { Connection } from './connection.ts'
import type { AsideRecord } from './format.ts'
import { nameOf } from './problems.ts'
import { readAtOnce, writeAtOnce } from './requests.ts'

/** An object store of which records can be set aside. */
export type SetAsideFrom = 'entries' | 'fences' | 'claims' | 'meta'

/**
 * Moves a record to where it is not read again. Nothing is destroyed: what the browser itself cannot read now, and what cannot be stored again, stays
 * where it is; the answer is false for the former. What is not there any more changes nothing: another tab was first.
 */
export async function setAside(
  connection: Connection,
  from: SetAsideFrom,
  key: IDBValidKey,
  space: string,
  reason: string,
): Promise<boolean> {
  const ask = <T>(request: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> =>
    connection.begin([from], 'readonly', {}, (transaction) =>
      readAtOnce<T>(transaction, () => request(transaction.objectStore(from))),
    )
  let value: unknown
  try {
    value = await ask<unknown>((store) => store.get(key))
  } catch (error) {
    if (nameOf(error) === 'DataError' || nameOf(error) === 'NotReadableError' || nameOf(error) === 'UnknownError')
      return false
    throw error
  }
  // Another tab was first.
  if (value === undefined && (await ask<IDBValidKey | undefined>((store) => store.getKey(key))) === undefined)
    return true
  const record: AsideRecord = { from, key, space, reason, value }
  try {
    await connection.begin([from, 'aside'], 'readwrite', {}, (transaction) =>
      writeAtOnce(transaction, () => {
        transaction.objectStore(from).delete(key)
        // Not put: of two tabs that do this the second may have found nothing any more.
        return transaction.objectStore('aside').add(record)
      }),
    )
  } catch (error) {
    if (nameOf(error) !== 'ConstraintError') throw error
  }
  return true
}
