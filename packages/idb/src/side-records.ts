import type { Connection } from './connection.ts'
import { nameOf } from './problems.ts'
import { readAtOnce, writeAtOnce } from './requests.ts'
import type { Surroundings } from './surroundings.ts'

/**
 * Brings the record of a space's newest claim in line with the entries, which are what counts: `newestIn` finds the greatest claim that there is. Leaves it as
 * it is when somebody has appended with a claim meanwhile, for then it was right.
 */
export async function putClaimRight(
  connection: Connection,
  keyRange: Surroundings['keyRange'],
  space: string,
  newestIn: () => Promise<number>,
): Promise<void> {
  const keys = (): Promise<readonly IDBValidKey[]> =>
    connection.begin(['claims'], 'readonly', {}, (transaction) =>
      readAtOnce(transaction, () =>
        transaction.objectStore('claims').index('bySpace').getAllKeys(keyRange.bound(space, space)),
      ),
    )
  const before = await keys()
  const newest = await newestIn()
  try {
    await connection.begin(['claims'], 'readwrite', {}, (transaction) =>
      writeAtOnce(transaction, () => {
        const claims = transaction.objectStore('claims')
        for (const key of before) claims.delete(key)
        // One that is new is in the way of this, and undoes all.
        return claims.add({ space, claim: newest })
      }),
    )
  } catch (error) {
    if (nameOf(error) !== 'ConstraintError') throw error
  }
}
