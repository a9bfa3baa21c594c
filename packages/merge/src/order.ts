import { compareStamps, type Stamp, type Value } from '@syncline/stm'

/**
 * Whether a write replaces the one that stands. The later stamp wins. One writer never uses a stamp twice; should a faulty one do it,
 * the greater value wins, so that replicas still agree whatever the order of arrival.
 */
export function wins(stamp: Stamp, value: Value | undefined, over: Stamp, standing: Value | undefined): boolean {
  const order = compareStamps(stamp, over)
  return order === 0 ? compareValues(value, standing) > 0 : order > 0
}

/** A total order on values, arbitrary but the same everywhere: by kind, then by content. Absent comes first. */
export function compareValues(a: Value | undefined, b: Value | undefined): number {
  if (Object.is(a, b)) return 0
  const kind = kindOf(a)
  if (kind !== kindOf(b)) return kind - kindOf(b)
  if (typeof a === 'object' && a !== null) return compareObjects(a, b as object)
  if (typeof a === 'number' && Number.isNaN(a)) return -1
  if (typeof b === 'number' && Number.isNaN(b)) return 1
  return a! < b! ? -1 : a! > b! ? 1 : 0
}

function kindOf(value: Value | undefined): number {
  if (value === undefined) return 0
  if (value === null) return 1
  if (typeof value !== 'object') return typeof value === 'boolean' ? 2 : typeof value === 'number' ? 3 : 4
  return value instanceof Uint8Array ? 5 : Array.isArray(value) ? 6 : 7
}

/** Two objects of one kind: the shorter first, then key by key, then item by item. */
function compareObjects(a: object, b: object): number {
  const keys = Object.keys(a).sort()
  const others = Object.keys(b).sort()
  if (keys.length !== others.length) return keys.length - others.length
  for (let i = 0; i < keys.length; i++) {
    if (keys[i] !== others[i]) return keys[i]! < others[i]! ? -1 : 1
  }
  for (const key of keys) {
    const order = compareValues((a as Record<string, Value>)[key], (b as Record<string, Value>)[key])
    if (order !== 0) return order
  }
  return 0
}
