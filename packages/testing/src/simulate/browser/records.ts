import { compareKeys, type Key, type KeyRange } from './keys.ts'

/** Records in the order of their keys. */
export interface Records<V> {
  get(key: Key): V | undefined
  has(key: Key): boolean
  put(key: Key, value: V): void
  delete(key: Key): void
  /** Up to `count` of those in a range, ascending. */
  between(range: KeyRange, count: number): V[]
  keysBetween(range: KeyRange, count: number): Key[]
  /** The greatest key in a range. */
  lastIn(range: KeyRange): Key | undefined
  size(): number
  /** The same records, apart from these. */
  copy(): Records<V>
}

export function createRecords<V>(keys: Key[] = [], values: V[] = []): Records<V> {
  /** Where a key is, or would be: before all that are greater, and with `isAfter` behind its equal. */
  function placeOf(key: Key, isAfter = false): number {
    let [from, to] = [0, keys.length]
    // Most come at the end.
    if (to > 0 && compareKeys(keys[to - 1]!, key) < 0) return to
    while (from < to) {
      const middle = (from + to) >> 1
      const order = compareKeys(keys[middle]!, key)
      if (order < 0 || (isAfter && order === 0)) from = middle + 1
      else to = middle
    }
    return from
  }

  const isAt = (place: number, key: Key): boolean => place < keys.length && compareKeys(keys[place]!, key) === 0

  return {
    size: () => keys.length,
    get(key) {
      const place = placeOf(key)
      return isAt(place, key) ? values[place] : undefined
    },
    has: (key) => isAt(placeOf(key), key),
    put(key, value) {
      const place = placeOf(key)
      const isThere = isAt(place, key)
      keys.splice(place, isThere ? 1 : 0, key)
      values.splice(place, isThere ? 1 : 0, value)
    },
    delete(key) {
      const place = placeOf(key)
      if (!isAt(place, key)) return
      keys.splice(place, 1)
      values.splice(place, 1)
    },
    between: ({ lower, upper, lowerOpen, upperOpen }, count) =>
      values.slice(placeOf(lower, lowerOpen), placeOf(upper, !upperOpen)).slice(0, count),
    keysBetween: ({ lower, upper, lowerOpen, upperOpen }, count) =>
      keys.slice(placeOf(lower, lowerOpen), placeOf(upper, !upperOpen)).slice(0, count),
    lastIn({ lower, upper, lowerOpen, upperOpen }) {
      const place = placeOf(upper, !upperOpen) - 1
      return place >= placeOf(lower, lowerOpen) ? keys[place] : undefined
    },
    copy: () => createRecords([...keys], [...values]),
  }
}
