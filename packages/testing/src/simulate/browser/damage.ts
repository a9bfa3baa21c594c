import { remove, type Disk, type StoredStore } from './disk.ts'
import { everything, type Key } from './keys.ts'

type Draw = (below: number) => number

/** What an entry of a log may become. */
const KINDS: Readonly<Record<string, (value: Entry, draw: Draw) => unknown>> = {
  'a bit is flipped': (value, draw) => {
    const entry = value.entry.slice()
    entry[draw(entry.length)]! ^= 1 << draw(8)
    return { ...value, entry }
  },
  'it is cut': (value, draw) => ({ ...value, entry: value.entry.slice(0, draw(value.entry.length)) }),
  'it is something else': () => 'something else',
  'it is gone': () => undefined,
}

interface Entry {
  readonly entry: Uint8Array
}

/** One in so many is a record of another object store, of which it is the key that counts. */
const ONE_BESIDE = 5
const BESIDE = ['fences', 'claims', 'meta']

/** Damages one record of what a browser that is off has stored; says how. Undefined when there is none that is whole. */
export function damageRecord(disk: Disk, draw: Draw): string | undefined {
  const stores = [...disk.databases.values()][0]?.stores
  if (stores === undefined) return undefined
  const kind = draw(ONE_BESIDE) === 0 ? damageBeside(stores, draw) : damageEntry(stores.get('entries'), draw)
  // It is on the disk itself.
  if (kind !== undefined) disk.commit([() => undefined], true)
  return kind
}

function damageEntry(entries: StoredStore | undefined, draw: Draw): string | undefined {
  const keys = keysOf(entries).filter((key) => isEntry(entries!.records.get(key)))
  if (keys.length === 0) return undefined
  const key = keys[draw(keys.length)]!
  const names = Object.keys(KINDS)
  const kind = names[draw(names.length)]!
  // It was looked at.
  put(entries!, key, KINDS[kind]!(entries!.records.get(key) as Entry, draw))
  return kind
}

function damageBeside(stores: ReadonlyMap<string, StoredStore>, draw: Draw): string | undefined {
  const all = BESIDE.flatMap((name) => keysOf(stores.get(name)).map((key) => ({ name, key })))
  if (all.length === 0) return undefined
  const { name, key } = all[draw(all.length)]!
  put(stores.get(name)!, key, draw(2) === 0 ? undefined : 'something else')
  return `one of ${name}`
}

function keysOf(store: StoredStore | undefined): Key[] {
  return store?.records.keysBetween(everything, Infinity) ?? []
}

function isEntry(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    'entry' in value &&
    value.entry instanceof Uint8Array &&
    value.entry.length > 0
  )
}

/** As no transaction would: indexes stay as they are, unless it is gone. */
function put(into: StoredStore, key: Key, value: unknown): void {
  if (value === undefined) remove(into, key, [])
  else into.records.put(key, value)
}
