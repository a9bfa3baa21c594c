/** A key of IndexedDB, of the kinds that are used: numbers, strings, and lists of them. */
export type Key = number | string | readonly Key[]

/** Keys between two others. */
export interface KeyRange {
  readonly lower: Key
  readonly upper: Key
  readonly lowerOpen: boolean
  readonly upperOpen: boolean
}

export const keyRange = {
  bound: (lower: Key, upper: Key, lowerOpen = false, upperOpen = false): KeyRange => ({
    lower,
    upper,
    lowerOpen,
    upperOpen,
  }),
}

/** Whether what is asked for is a range, and not one key. */
export function isRange(of: Key | KeyRange): of is KeyRange {
  return typeof of === 'object' && 'lower' in of
}

/** All keys there are: lists come last, and none begins with a list of lists of lists. */
export const everything: KeyRange = keyRange.bound(-Infinity, [[[[]]]])

/** The order of IndexedDB: numbers before strings before lists (https://w3c.github.io/IndexedDB/#key-construct). */
export function compareKeys(a: Key, b: Key): number {
  const [kindOfA, kindOfB] = [kindOf(a), kindOf(b)]
  if (kindOfA !== kindOfB) return kindOfA - kindOfB
  if (!Array.isArray(a) || !Array.isArray(b)) return a < b ? -1 : a > b ? 1 : 0
  const ours: readonly Key[] = a
  const theirs: readonly Key[] = b
  for (let at = 0; at < Math.min(ours.length, theirs.length); at++) {
    const order = compareKeys(ours[at]!, theirs[at]!)
    if (order !== 0) return order
  }
  return ours.length - theirs.length
}

function kindOf(key: Key): number {
  return typeof key === 'number' ? 0 : typeof key === 'string' ? 1 : 2
}

/** What stands at a key path: a name or a list of names. */
export function keyAt(value: unknown, path: string | readonly string[]): Key {
  // What is stored under a key path is an object, and what stands there is a key: the code under test sees to it, on real browsers too.
  const fields = value as Readonly<Record<string, Key>>
  return typeof path === 'string' ? fields[path]! : path.map((name) => fields[name]!)
}
