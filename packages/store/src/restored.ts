import type { CellKey, Value } from '@syncline/stm'

/** What Changes that took others back have put back, by the text of their stamps. */
export interface Restored {
  get(stamp: string, key: CellKey): Value | undefined
  /** All that was put back in a cell, the oldest first. */
  of(key: CellKey): Iterable<Value>
  remember(stamp: string, values: ReadonlyMap<CellKey, Value>): void
  /** A Change has another stamp now, and says `reworded` what it put back. */
  rename(from: string, to: string, reworded: (key: CellKey, value: Value) => Value): void
}

/**
 * So many are remembered of a cell, which may have many parts. Counted for each cell by itself: however often others are taken back, of one
 * that is left alone nothing is forgotten.
 */
const MOST_OF_CELL = 2_000

/** Makes an empty memory of what was put back. It follows the cells in which something was. */
export function createRestored(): Restored {
  const byStamp = new Map<string, Map<CellKey, Value>>()
  /** The stamps that are remembered of a cell, the oldest first. */
  const stampsOf = new Map<CellKey, string[]>()

  function forget(stamp: string, key: CellKey): void {
    const values = byStamp.get(stamp)
    values?.delete(key)
    if (values?.size === 0) byStamp.delete(stamp)
  }

  return {
    get: (stamp, key) => byStamp.get(stamp)?.get(key),
    *of(key) {
      for (const stamp of stampsOf.get(key) ?? []) {
        const value = byStamp.get(stamp)?.get(key)
        if (value !== undefined) yield value
      }
    },
    remember(stamp, values) {
      for (const key of values.keys()) {
        const stamps = stampsOf.get(key)
        if (stamps === undefined) stampsOf.set(key, [stamp])
        else if (stamps.push(stamp) > MOST_OF_CELL) forget(stamps.shift()!, key)
      }
      byStamp.set(stamp, new Map(values))
    },
    rename(from, to, reworded) {
      const values = byStamp.get(from)
      if (values === undefined) return
      byStamp.delete(from)
      byStamp.set(to, new Map(Array.from(values, ([key, value]) => [key, reworded(key, value)])))
      for (const key of values.keys()) {
        const stamps = stampsOf.get(key)!
        stamps[stamps.indexOf(from)] = to
      }
    },
  }
}
