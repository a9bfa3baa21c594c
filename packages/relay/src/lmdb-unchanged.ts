import { IF_EXISTS } from 'lmdb'
import type { Rows } from './lmdb-rows.ts'

/** A row, and the table that it is of. */
export interface Placed {
  readonly rows: Rows
  readonly key: Buffer
  readonly row: Buffer
}

/** Each condition stands within the one before it, and takes some of the stack. */
const MOST_CONDITIONS = 256

/**
 * Puts rows, all or none, if each of `known`, of which there is one at least, still is what was read. Resolves when that is on the disk, to whether they were put; undefined when LMDB cannot be asked so.
 *
 * LMDB's own thread compares and puts, and this one is not woken in between: a transaction that is called back costs a tenth more, or a fifth with some spaces in it.
 */
export function putWhereUnchanged(known: readonly Placed[], puts: readonly Placed[]): Promise<boolean> | undefined {
  if (known.length > MOST_CONDITIONS || known.some(({ row }) => versionOf(row) === IF_EXISTS)) return undefined
  let told: Promise<boolean>
  const within = (depth: number): void => {
    const condition = known[depth]
    if (condition === undefined) {
      for (const { rows, key, row } of puts) void rows.put(key, row)
      return
    }
    const { rows, key, row } = condition
    const isMet = rows.ifVersion(key, versionOf(row), () => within(depth + 1))
    // The innermost one fails with any around it.
    if (depth === known.length - 1) told = isMet
    else isMet.catch(() => undefined)
  }
  within(0)
  return told!
}

/** LMDB takes the first eight bytes of a row for a number, its version. Ours begin with the checksum of all of it. What is no number is never the same: nothing is put then. */
function versionOf(row: Buffer): number {
  return row.readDoubleLE(0)
}
