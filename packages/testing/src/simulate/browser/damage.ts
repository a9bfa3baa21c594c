import { remove, type Disk } from './disk.ts'
import { everything } from './keys.ts'

/** What a record may become. */
const KINDS = {
  'a bit is flipped': (value: Stored, draw: Draw) => {
    const entry = value.entry.slice()
    entry[draw(entry.length)]! ^= 1 << draw(8)
    return { ...value, entry }
  },
  'it is cut': (value: Stored, draw: Draw) => ({ ...value, entry: value.entry.slice(0, draw(value.entry.length)) }),
  'it is something else': () => 'something else',
  'it is gone': () => undefined,
} as const

type Draw = (below: number) => number

interface Stored {
  readonly entry: Uint8Array
}

/** Damages one entry of what a browser that is off has stored; says how. Undefined when there is none. */
export function damageRecord({ databases }: Disk, draw: Draw): string | undefined {
  const entries = [...databases.values()].map(({ stores }) => stores.get('entries')!)[0]
  const keys = entries?.records.keysBetween(everything, Infinity) ?? []
  if (entries === undefined || keys.length === 0) return undefined
  const key = keys[draw(keys.length)]!
  const names = Object.keys(KINDS) as (keyof typeof KINDS)[]
  const kind = names[draw(names.length)]!
  // It is what the code under test has stored there.
  const value = KINDS[kind](entries.records.get(key) as Stored, draw)
  if (value === undefined) remove(entries, key, [])
  else entries.records.put(key, value)
  return kind
}
