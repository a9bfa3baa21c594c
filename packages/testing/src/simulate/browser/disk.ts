import { compareKeys, everything, keyAt, type Key } from './keys.ts'
import { createRecords, type Records } from './records.ts'

/** What a browser keeps on its machine: databases, and what of them a loss of power would take. */
export interface Disk {
  readonly databases: Map<string, StoredDatabase>
  /** What pages have put into their localStorage. */
  readonly marks: Map<string, string>
  /** Takes note of what a transaction has done, as the steps that undo it. `strict` ones are on the disk itself at once, and all before them. */
  commit(undo: Undo, isStrict: boolean): void
  /** Transactions that a loss of power would take. */
  unflushed(): number
  /** Brings everything to the disk itself. */
  flush(): void
  /** Takes the newest of what is not on the disk itself, so that `kept` of it stay. */
  losePower(kept: number): void
  /** Another number whenever something else is stored. */
  version(): number
  /** What is stored now, on a disk of its own. */
  copy(onDirty?: () => void): Disk
}

/** The steps that undo something, in the order in which it was done. */
export type Undo = (() => void)[]

export interface StoredDatabase {
  readonly name: string
  version: number
  readonly stores: Map<string, StoredStore>
}

export interface StoredStore {
  readonly keyPath: string | readonly string[] | undefined
  readonly autoIncrement: boolean
  /** The number that the key generator gives next. */
  nextKey: number
  readonly records: Records<unknown>
  /** All of them unique. */
  readonly indexes: Map<string, StoredIndex>
}

interface StoredIndex {
  readonly keyPath: string | readonly string[]
  /** Primary keys. */
  readonly records: Records<Key>
}

/** `onDirty` is called when something is there that a loss of power would take, after there was nothing. */
export function createDisk(
  onDirty: () => void = () => undefined,
  databases: Map<string, StoredDatabase> = new Map(),
  marks: Map<string, string> = new Map(),
): Disk {
  const unflushed: Undo[] = []
  let version = 0
  return {
    databases,
    marks,
    commit(undo, isStrict) {
      if (undo.length === 0) return
      version += 1
      unflushed.push(undo)
      if (isStrict) unflushed.length = 0
      else if (unflushed.length === 1) onDirty()
    },
    unflushed: () => unflushed.length,
    flush() {
      unflushed.length = 0
    },
    losePower(kept) {
      version += 1
      const before = [...databases.values()].map((one) => [one.name, identityOf(one)] as const)
      while (unflushed.length > kept) undoAll(unflushed.pop()!)
      unflushed.length = 0
      // They are on the disk itself no sooner than the database that they tell of.
      const taken = new Set(before.filter(([name]) => !databases.has(name)).map(([, identity]) => identity))
      for (const [key, identity] of marks) if (taken.has(identity)) marks.delete(key)
    },
    version: () => version,
    copy: (onDirtied) =>
      createDisk(onDirtied, new Map([...databases].map(([name, each]) => [name, copyOf(each)])), new Map(marks)),
  }
}

const identityOf = ({ stores }: StoredDatabase): unknown => stores.get('meta')?.records.get('identity')

/** Values are never changed where they are stored, so it has the same. */
function copyOf(database: StoredDatabase): StoredDatabase {
  const stores = [...database.stores].map(([name, each]): [string, StoredStore] => {
    const indexes = [...each.indexes].map(([index, { keyPath, records }]): [string, StoredIndex] => [
      index,
      { keyPath, records: records.copy() },
    ])
    return [name, { ...each, records: each.records.copy(), indexes: new Map(indexes) }]
  })
  return { ...database, stores: new Map(stores) }
}

export function undoAll(undo: Undo): void {
  while (undo.length > 0) undo.pop()!()
}

/** An object store with nothing in it. */
export function emptyStore(keyPath: StoredStore['keyPath'], autoIncrement: boolean): StoredStore {
  return { keyPath, autoIncrement, nextKey: 1, records: createRecords(), indexes: new Map() }
}

/** Stores a value; returns its key, or undefined when that would break a constraint. `undo` gets what takes it back. */
export function store(
  into: StoredStore,
  value: unknown,
  given: Key | undefined,
  mayReplace: boolean,
  undo: Undo,
): Key | undefined {
  const { keyPath, records, indexes } = into
  let key = given
  let stored = value
  if (key === undefined && typeof keyPath === 'string') key = (value as Readonly<Record<string, Key>>)[keyPath]
  // One that is given in the place of the key path is taken, and others come behind it.
  if (into.autoIncrement && typeof key === 'number' && key >= into.nextKey) {
    const before = into.nextKey
    undo.push(() => void (into.nextKey = before))
    into.nextKey = Math.floor(key) + 1
  }
  if (key === undefined && into.autoIncrement) {
    if (into.nextKey >= MOST_KEYS) return undefined
    key = into.nextKey++
    // An object: only those have a key path, and only with a key path is a key made here.
    if (typeof keyPath === 'string') stored = { ...(value as object), [keyPath]: key }
    undo.push(() => void into.nextKey--)
  }
  key ??= keyAt(value, keyPath!)
  const before = records.get(key)
  if (before !== undefined && !mayReplace) return undefined
  if (before !== undefined) unindex(into, key, before, undo)
  for (const { keyPath: path, records: indexed } of indexes.values()) {
    if (indexed.has(keyAt(stored, path))) return undefined
  }
  for (const { keyPath: path, records: indexed } of indexes.values()) {
    const at = keyAt(stored, path)
    indexed.put(at, key)
    undo.push(() => indexed.delete(at))
  }
  const own = key
  records.put(own, stored)
  undo.push(() => (before === undefined ? records.delete(own) : records.put(own, before)))
  return key
}

/** There the numbers that are made end. */
const MOST_KEYS = 2 ** 53

/** Takes a record away, if it is there. */
export function remove(from: StoredStore, key: Key, undo: Undo): void {
  if (!from.records.has(key)) return
  const before = from.records.get(key)
  unindex(from, key, before, undo)
  from.records.delete(key)
  undo.push(() => from.records.put(key, before))
}

function unindex({ indexes }: StoredStore, key: Key, value: unknown, undo: Undo): void {
  for (const { keyPath, records } of indexes.values()) {
    const own = indexed(value, keyPath)
    // What stands there may not be what was stored: then it is found by what it points to.
    const isThere = (at: Key | undefined): at is Key =>
      at !== undefined && records.has(at) && compareKeys(records.get(at)!, key) === 0
    const at = isThere(own) ? own : records.keysBetween(everything, Infinity).find(isThere)
    if (at === undefined) continue
    records.delete(at)
    undo.push(() => records.put(at, key))
  }
}

function indexed(value: unknown, keyPath: string | readonly string[]): Key | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const at = keyAt(value, keyPath)
  return [at].flat().includes(undefined as never) ? undefined : at
}
