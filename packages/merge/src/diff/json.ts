import { equalValues, setKey, type Value } from '@syncline/stm'
import type { By, Difference, Part } from './by.ts'
import type { Conflict, Path } from './conflict.ts'
import { items } from './items.ts'
import { agreed, disputed, replaced } from './part.ts'

type Fields = { readonly [key: string]: Value }

/**
 * Values as trees: objects field by field, arrays as `items`, all else as a whole. `fields` says how fields of the object are looked at that
 * want it otherwise; a value that does not fit what is said of its field is looked at as if nothing were.
 *
 * A field that one side removed and the other changed is a conflict, as are two different values added under one name and a change
 * of type against another change. Every name is a field, `__proto__` too.
 *
 * @example
 * import { json, keyed, merge3, words } from '@syncline/merge/diff'
 *
 * const by = json({ title: words, tasks: keyed('id') })
 * const base = { title: 'To do', done: false, tasks: [{ id: 'a', text: 'sow' }, { id: 'b', text: 'reap' }] }
 * const mine = { ...base, title: 'To do today', tasks: [base.tasks[1]!, base.tasks[0]!] }
 * const theirs = { ...base, done: true, tasks: [base.tasks[0]!, { id: 'b', text: 'harvest' }] }
 * expect(merge3({ base, mine, theirs, by })).toEqual({
 *   clean: true,
 *   value: { title: 'To do today', done: true, tasks: [{ id: 'b', text: 'harvest' }, { id: 'a', text: 'sow' }] },
 * })
 */
// The value is of any type that an app has; it is only walked over.
export function json(fields: { readonly [name: string]: By<any> } = {}): By<any> {
  const ways = new Map(Object.entries(fields))
  const byOf = (key: string): By<any> => ways.get(key) ?? anyValue
  return Object.freeze<By<Value>>({
    name: 'json',
    objection: () => undefined,
    diff: (a, b, path) => (isObject(a) && isObject(b) ? diffFields(a, b, path, byOf) : diffTyped(a, b, path)),
    merge: (base, mine, theirs, path) => {
      const fit = isObject(mine) && isObject(theirs) && (base === undefined || isObject(base))
      return fit ? mergeFields(base, mine, theirs, path, byOf) : mergeTyped(base, mine, theirs, path)
    },
  })
}

const anyValue: By<any> = /* @__PURE__ */ json()

/** How two values at one place differ, of which one may be absent, looked at in some way if they fit. */
export function diffAt(a: Value | undefined, b: Value | undefined, by: By<any>, path: Path): readonly Difference[] {
  if (equalValues(a, b)) return []
  if (a === undefined || b === undefined || by.objection(a) || by.objection(b)) {
    return by === anyValue || a === undefined || b === undefined ? [replaced(a, b, path)] : diffAt(a, b, anyValue, path)
  }
  return by.diff(a, b, path)
}

/** The merge of one place, at which any of the three may have nothing. */
export function mergeAt(
  base: Value | undefined,
  mine: Value | undefined,
  theirs: Value | undefined,
  by: By<any>,
  path: Path,
): Part {
  if (equalValues(mine, theirs) || equalValues(base, theirs)) return { value: mine, conflicts: agreed }
  if (equalValues(base, mine)) return { value: theirs, conflicts: agreed }
  if (mine === undefined || theirs === undefined) return disputed(base, mine, theirs, path)
  const fits = [base, mine, theirs].every((value) => value === undefined || by.objection(value) === undefined)
  return fits ? by.merge(base, mine, theirs, path) : mergeAt(base, mine, theirs, anyValue, path)
}

function diffTyped(a: Value, b: Value, path: Path): readonly Difference[] {
  return Array.isArray(a) && Array.isArray(b) ? items.diff(a, b, path) : [replaced(a, b, path)]
}

function mergeTyped(base: Value | undefined, mine: Value, theirs: Value, path: Path): Part {
  const areArrays = Array.isArray(base) && Array.isArray(mine) && Array.isArray(theirs)
  return areArrays ? items.merge(base, mine, theirs, path) : disputed(base, mine, theirs, path)
}

function diffFields(a: Fields, b: Fields, path: Path, byOf: (key: string) => By<any>): readonly Difference[] {
  return namesIn(a, b).flatMap((key) => diffAt(own(a, key), own(b, key), byOf(key), [...path, key]))
}

function mergeFields(
  base: Fields = {},
  mine: Fields,
  theirs: Fields,
  path: Path,
  byOf: (key: string) => By<any>,
): Part {
  const value: Record<string, Value> = {}
  const conflicts: Conflict[] = []
  for (const key of namesIn(base, mine, theirs)) {
    const part = mergeAt(own(base, key), own(mine, key), own(theirs, key), byOf(key), [...path, key])
    if (part.value !== undefined) setKey(value, key, part.value)
    for (const conflict of part.conflicts) conflicts.push(conflict)
  }
  return { value, conflicts: conflicts.length === 0 ? agreed : conflicts }
}

/** The names of all fields: those of the first object in its order, then the others ascending, so that it does not matter who added one. */
function namesIn(first: Fields, ...others: readonly Fields[]): readonly string[] {
  const known = new Set(Object.keys(first))
  const added = new Set(others.flatMap((object) => Object.keys(object)).filter((key) => !known.has(key)))
  return [...known, ...[...added].sort()]
}

/** A field of the object itself: what every object inherits is none. */
function own(object: Fields, key: string): Value | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined
}

function isObject(value: Value | undefined): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
}
