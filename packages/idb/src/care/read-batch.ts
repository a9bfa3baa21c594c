import { StoreError } from '@syncline/store'
import { nameOf } from '../problems.ts'
import { resultOf } from '../requests.ts'

/** What stands under a key, whatever that is; nothing, with the reason, for what the browser cannot read. */
export interface Found {
  readonly key: IDBValidKey
  readonly value: unknown
  readonly unreadable?: string
}

/** Asks an object store in a transaction that is committed at once. */
export type Reading = <T>(ask: (all: IDBObjectStore) => Promise<T>) => Promise<T>

/** Records that were read of a range. */
export interface Batch {
  readonly found: readonly Found[]
  /** The key behind which to read on; undefined when these were the last. What is gone since is asked for here and not found, so there may be none and still be more. */
  readonly next: IDBValidKey | undefined
}

/** Up to `count` records in a range of the keys of an object store, or of those of an index. When they cannot be read together, each is read by itself. */
export async function readBatch(read: Reading, range: IDBKeyRange, count: number, index?: string): Promise<Batch> {
  const within = (all: IDBObjectStore): IDBObjectStore | IDBIndex => (index === undefined ? all : all.index(index))
  const keysOf = (all: IDBObjectStore, most: number): Promise<IDBValidKey[]> =>
    resultOf(within(all).getAllKeys(range, most))
  try {
    const [keys, values] = await read((all) =>
      Promise.all([keysOf(all, count), resultOf<unknown[]>(within(all).getAll(range, count))]),
    )
    return batchOf(
      keys.map((key, i) => ({ key, value: values[i] })),
      keys,
      count,
    )
  } catch (error) {
    // Nobody is asked again who was waited for.
    if (error instanceof StoreError) throw error
    // The storage cannot be read, or one record in it cannot.
  }
  const found: Found[] = []
  const keys = await read((all) => keysOf(all, count))
  for (const key of keys) {
    try {
      const [there, value] = await read((all) =>
        Promise.all([resultOf(all.getKey(key)), resultOf<unknown>(all.get(key))]),
      )
      if (there !== undefined) found.push({ key, value })
    } catch (error) {
      if (error instanceof StoreError) throw error
      // When keys can be read all the same it is the record.
      const there = await read((all) => resultOf(all.getKey(key)))
      if (there !== undefined) {
        found.push({ key, value: undefined, unreadable: `the browser cannot read it (${nameOf(error)})` })
      }
    }
  }
  return batchOf(found, keys, count)
}

/** What has taken the place of those that are gone stands behind them. */
function batchOf(found: readonly Found[], asked: readonly IDBValidKey[], count: number): Batch {
  const isEnd = asked.length < count && found.length === asked.length
  return { found, next: isEnd ? undefined : asked.at(-1) }
}
