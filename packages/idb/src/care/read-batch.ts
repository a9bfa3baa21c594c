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

/** Up to `count` records in a range of the keys of an object store, or of those of an index. When they cannot be read together, each is read by itself. */
export async function readBatch(
  read: Reading,
  range: IDBKeyRange,
  count: number,
  index?: string,
): Promise<readonly Found[]> {
  const within = (all: IDBObjectStore): IDBObjectStore | IDBIndex => (index === undefined ? all : all.index(index))
  const keysOf = (all: IDBObjectStore, most: number): Promise<IDBValidKey[]> =>
    resultOf(within(all).getAllKeys(range, most))
  try {
    const [keys, values] = await read((all) =>
      Promise.all([keysOf(all, count), resultOf<unknown[]>(within(all).getAll(range, count))]),
    )
    return keys.map((key, i) => ({ key, value: values[i] }))
  } catch {
    // The storage cannot be read, or one record in it cannot.
  }
  const found: Found[] = []
  for (const key of await read((all) => keysOf(all, count))) {
    try {
      found.push({ key, value: await read((all) => resultOf<unknown>(all.get(key))) })
    } catch (error) {
      // When keys can be read all the same it is the record.
      await read((all) => keysOf(all, 1))
      found.push({ key, value: undefined, unreadable: `the browser cannot read it (${nameOf(error)})` })
    }
  }
  return found
}
