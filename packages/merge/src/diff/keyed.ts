import type { Value } from '@syncline/stm'
import type { By, Difference, Objection, Part } from './by.ts'
import type { Conflict, Key, Path } from './conflict.ts'
import { diffAt, json, mergeAt } from './json.ts'
import { mergeOrders } from './keyed-order.ts'
import { agreed } from './part.ts'
import { risingAmong } from './rising.ts'
import { nameOf } from './text.ts'

type Item = { readonly [field: string]: Value }
type Array = readonly Item[]

/**
 * Arrays of objects that each have a `field` which tells who they are, a string or a number that no other has. Items are found again
 * wherever they stand, so moving one and changing it are two things, and each item is merged by itself, as `item` says (`json()` unless said).
 *
 * An item that one side removed is gone, also when the other moved it; when the other changed it, that is a conflict. Where only one side
 * moved an item, it stands there; where both did, to different places, that is a conflict about its place. Items that both sides put at
 * one spot stand there in runs, the run whose first key is less before the other.
 *
 * Throws `StmError` `duplicate-key`, from `diff` and `merge3`, when two items of an array have the same key.
 *
 * @example
 * import { keyed, merge3 } from '@syncline/merge/diff'
 *
 * const [a, b, c] = [{ id: 'a', n: 1 }, { id: 'b', n: 1 }, { id: 'c', n: 1 }]
 * expect(merge3({ base: [a, b, c], mine: [c, a, b], theirs: [a, { id: 'c', n: 2 }], by: keyed('id') })).toEqual({
 *   clean: true,
 *   value: [{ id: 'c', n: 2 }, { id: 'a', n: 1 }],
 * })
 */
// The items are of any type that an app has; they are only walked over.
export function keyed(field: string, item: By<any> = json()): By<readonly any[]> {
  return Object.freeze<By<Array>>({
    name: `keyed('${field}')`,
    objection: (value) => objectionTo(value, field),
    diff: (a, b, path) => diffKeyed(byKey(a, field), byKey(b, field), field, item, path),
    merge: (base, mine, theirs, path) =>
      mergeKeyed([byKey(base ?? [], field), byKey(mine, field), byKey(theirs, field)], field, item, path),
  })
}

type ByKey = ReadonlyMap<Key, Item>
type Three = readonly [ByKey, ByKey, ByKey]

function byKey(array: Array, field: string): ByKey {
  return new Map(array.map((item) => [keyOf(item, field)!, item]))
}

/** The key of an item; undefined when it has none. */
export function keyOf(item: Value, field: string): Key | undefined {
  if (typeof item !== 'object' || item === null || !Object.hasOwn(item, field)) return undefined
  const key = (item as Item)[field]
  return typeof key === 'string' || typeof key === 'number' ? key : undefined
}

function objectionTo(value: Value, field: string): Objection | undefined {
  if (!Array.isArray(value)) return { code: 'invalid-value', message: `is ${nameOf(value)} and no array` }
  const seen = new Map<Key, number>()
  for (const [i, item] of (value as readonly Value[]).entries()) {
    const key = keyOf(item, field)
    if (key === undefined) {
      return { code: 'invalid-value', message: `has at ${i} an item without a string or number as "${field}"` }
    }
    const other = seen.get(key)
    if (other !== undefined) {
      return {
        code: 'duplicate-key',
        message: `has at ${other} and ${i} items with the same "${field}", ${JSON.stringify(key)}`,
      }
    }
    seen.set(key, i)
  }
  return undefined
}

function diffKeyed(a: ByKey, b: ByKey, field: string, item: By<any>, path: Path): readonly Difference[] {
  const differences: Difference[] = []
  const places = new Map([...a.keys()].map((key, place) => [key, place]))
  for (const [key, was] of a) {
    if (!b.has(key)) differences.push({ kind: 'set', path: [...path, { [field]: key }], was })
  }
  const common = [...b.keys()].filter((key) => places.has(key))
  const rising = risingAmong(common.map((key) => places.get(key)!))
  const moved = new Set(common.filter((_, i) => rising[i] === 0))
  let behind: Key | null = null
  for (const [key, is] of b) {
    const at = [...path, { [field]: key }]
    if (!places.has(key)) differences.push({ kind: 'set', path: at, is, behind })
    else {
      if (moved.has(key)) differences.push({ kind: 'move', path: at, behind })
      for (const difference of diffAt(a.get(key), is, item, at)) differences.push(difference)
    }
    behind = key
  }
  return differences
}

function mergeKeyed([base, mine, theirs]: Three, field: string, item: By<any>, path: Path): Part {
  const merged = new Map<Key, Value>()
  const conflictsOf = new Map<Key, readonly Conflict[]>()
  for (const key of new Set([...base.keys(), ...mine.keys(), ...theirs.keys()])) {
    const part = mergeAt(base.get(key), mine.get(key), theirs.get(key), item, [...path, { [field]: key }])
    if (part.value === undefined) continue
    merged.set(key, part.value)
    if (part.conflicts.length > 0) conflictsOf.set(key, part.conflicts)
  }
  const present = (side: ByKey): readonly Key[] => [...side.keys()].filter((key) => merged.has(key))
  const { order, disputes } = mergeOrders(present(base), present(mine), present(theirs))

  const conflicts: Conflict[] = []
  for (const key of order) {
    for (const conflict of conflictsOf.get(key) ?? []) conflicts.push(conflict)
    const dispute = disputes.get(key)
    if (dispute !== undefined) conflicts.push({ kind: 'place', path: [...path, { [field]: key }], ...dispute })
  }
  return { value: order.map((key) => merged.get(key)!), conflicts: conflicts.length === 0 ? agreed : conflicts }
}
