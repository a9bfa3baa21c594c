import { compareStamps, type Change, type Place, type Stamp, type Value } from '@syncline/stm'

/**
 * What everything should be, computed from scratch out of all operations, in the most obvious way: sort by stamp, replay, look.
 * Written from SPEC.md alone; shares no code with the policies.
 */
export interface Told {
  readonly payload: readonly Value[]
  readonly stamp: Stamp
}

/** All operations on one cell, oldest stamp first. */
export function toldOf(changes: readonly Change[], tag: string, address: string): Told[] {
  return changes
    .flatMap(({ ops, at, writer }) =>
      ops
        .filter((op) => op.tag === tag && op.address === address)
        .map((op) => ({ payload: op.payload as readonly Value[], stamp: { at, writer } })),
    )
    .sort((a, b) => compareStamps(a.stamp, b.stamp))
}

export function modelLww(told: readonly Told[], initial: Value): Value {
  const [kind, value] = told.at(-1)?.payload ?? [1]
  return kind === 1 ? initial : value!
}

/** Enough bits after the point for every fraction used in the tests to be a whole number. */
const SCALE = 2n ** 120n

/** Adds exactly, as whole numbers of 2⁻¹²⁰, and rounds once. */
export function exactTotal(deltas: readonly number[]): number {
  let total = 0n
  for (const delta of deltas) {
    let scaled = delta
    let bits = 0n
    while (!Number.isInteger(scaled)) {
      scaled *= 2
      bits += 1n
    }
    total += BigInt(scaled) * (SCALE >> bits)
  }
  return Number(total) / Number(SCALE)
}

export function modelCounter(told: readonly Told[]): number {
  return exactTotal(told.flatMap(({ payload }) => payload[1] as number | number[]))
}

/** One record: what each field of its last incarnation holds, and whether it is there. */
export function modelRecord(told: readonly Told[]): {
  exists: boolean
  data: Map<string, Value>
  counts: Map<string, number>
  places: Map<string, Place>
} {
  const last = Math.max(-1, ...told.map(({ payload }) => payload[1] as number))
  const ofLast = told.filter(({ payload }) => payload[1] === last)
  const exists = ofLast.some(({ payload }) => payload[0] === 1) && !ofLast.some(({ payload }) => payload[0] === 3)
  const data = new Map<string, Value>()
  const deltas = new Map<string, number[]>()
  const places = new Map<string, Place>()
  for (const { payload } of ofLast) {
    for (let i = 2; i < payload.length; i += 3) {
      const [kind, name, value] = payload.slice(i, i + 3) as [number, string, any]
      if (kind === 0) data.set(name, value)
      if (kind === 1) data.delete(name)
      if (kind === 2) deltas.set(name, [...(deltas.get(name) ?? []), ...[value].flat()])
      if (kind === 3 && value === null) places.delete(name)
      else if (kind === 3) places.set(name, { parent: value[0], key: value[1] })
    }
  }
  const counts = new Map([...deltas].map(([name, list]) => [name, exactTotal(list)]))
  return { exists, data, counts, places }
}

/** Below these keys, inside of a register; nothing when what stands there was removed; as if nobody had written there. */
interface PathWrite {
  readonly path: readonly string[]
  readonly value?: Value
  readonly isReset?: true
}

/** A register that merges key by key: every write, in the order of the stamps, set into what it starts with. */
export function modelJson(told: readonly Told[], name: string, initial: Value | undefined): Value | undefined {
  const last = Math.max(-1, ...told.map(({ payload }) => payload[1] as number))
  let writes: PathWrite[] = []
  for (const { payload } of told.filter(({ payload }) => payload[1] === last)) {
    const entries = Array.from({ length: Math.floor((payload.length - 2) / 3) }, (_, i) =>
      payload.slice(2 + 3 * i, 5 + 3 * i),
    )
    const ofIt = entries.filter(([, of]) => of === name).flatMap(([kind, , data]) => pathWrite(kind, data as any))
    // What one transaction writes to a whole and to its parts comes in this order.
    for (const write of ofIt.sort((a, b) => a.path.length - b.path.length)) {
      // As if nobody had: what was written there before is forgotten.
      if (write.isReset) writes = writes.filter(({ path }) => !write.path.every((key, i) => path[i] === key))
      else writes.push(write)
    }
  }
  return writes.reduce<Value | undefined>((value, { path, ...set }) => setIn(value, path, set.value), initial)
}

function pathWrite(kind: Value | undefined, data: any): PathWrite[] {
  if (kind === 0) return [{ path: [], value: data }]
  if (kind === 1) return [{ path: [], isReset: true }]
  if (kind === 4) return [{ path: data.slice(1), value: data[0] }]
  if (kind === 5) return [{ path: data }]
  return kind === 6 ? [{ path: data, isReset: true }] : []
}

function setIn(into: Value | undefined, path: readonly string[], value: Value | undefined): Value | undefined {
  if (path.length === 0) return value
  const isObject = typeof into === 'object' && into !== null && !Array.isArray(into) && !(into instanceof Uint8Array)
  const keys = new Map<string, Value>(isObject ? Object.entries(into) : [])
  const [first, ...rest] = path as [string, ...string[]]
  const inner = setIn(keys.get(first), rest, value)
  if (inner === undefined) keys.delete(first)
  else keys.set(first, inner)
  // Defines keys of any name.
  return Object.fromEntries(keys)
}

/** The values of a list: of each item the last key and the last value, unless it was removed, sorted by (key, id). */
export function modelList(told: readonly Told[]): Value[] {
  const items = new Map<string, { id: string; key?: string; value?: Value; removed?: true }>()
  for (const { payload } of told) {
    for (let i = 0; i < payload.length;) {
      const [kind, id, a, b] = payload.slice(i, i + 4) as [number, string, any, any]
      const item = items.get(id) ?? { id }
      items.set(id, item)
      if (kind === 0) Object.assign(item, { key: a, value: b })
      if (kind === 1) item.key = a
      if (kind === 2) item.removed = true
      if (kind === 3) item.value = a
      i += [4, 3, 2, 3][kind]!
    }
  }
  return [...items.values()]
    .filter(({ key, value, removed }) => key !== undefined && value !== undefined && !removed)
    .sort((a, b) => (`${a.key}\0${a.id}` < `${b.key}\0${b.id}` ? -1 : 1))
    .map(({ value }) => value!)
}

/** The values of a set: those with an addition that was made more often than it was removed, ascending by kind and then by content. */
export function modelSet(told: readonly Told[]): Value[] {
  const known = new Map<string, { readonly value: Value; readonly dots: Map<string, number> }>()
  for (const { payload } of told) {
    for (let i = 1; i < payload.length; i += 3) {
      const [n, dot, values] = payload.slice(i, i + 3) as [number, string, Value[]]
      for (const value of values) {
        const key = sortedText(value)
        const { dots } = known.get(key) ?? known.set(key, { value, dots: new Map() }).get(key)!
        dots.set(dot, (dots.get(dot) ?? 0) + n)
      }
    }
  }
  return [...known]
    .filter(([, { dots }]) => [...dots.values()].some((n) => n > 0))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { value }]) => value)
}

/** A text for a value that sorts as values do: of the few kinds that the tests use. */
function sortedText(value: Value): string {
  if (value === null) return '0'
  if (typeof value === 'number') return `1${String(value + 1000).padStart(8, '0')}`
  if (typeof value === 'string') return `2${value}`
  return `3${JSON.stringify(value, Object.keys(value).sort())}`
}
