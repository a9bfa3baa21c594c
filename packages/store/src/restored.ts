import type { CellKey, Folding, Value } from '@syncline/stm'

/** What Changes that took others back have put back, by the text of their stamps. */
export interface Restored {
  /** Whether something was put back in a cell. */
  has(key: CellKey): boolean
  get(stamp: string, key: CellKey): Value | undefined
  /** All that was put back in a cell, the oldest first. */
  of(key: CellKey): Iterable<Value>
  /** What comes of folding all of them, and some that are forgotten. Cost: those that came since it was asked for. */
  folded<T>(key: CellKey, folding: Folding<T>): T
  remember(stamp: string, values: ReadonlyMap<CellKey, Value>): void
  /** The same of what need not be read before something is to be known. */
  rememberLater(stamp: string, values: () => ReadonlyMap<CellKey, Value>): void
  /** A Change has another stamp now, and says `reworded` what it put back. */
  rename(from: string, to: string, reworded: (key: CellKey, value: Value) => Value): void
}

/**
 * So many are remembered of a cell, which may have many parts. Counted for each cell by itself: however often others are taken back, of one
 * that is left alone nothing is forgotten.
 */
const MOST_OF_CELL = 2_000

/** The restorations of one cell. */
interface OfCell {
  /** The stamps that are remembered, the oldest first. */
  readonly stamps: string[]
  /** How many are not remembered any more. */
  forgotten: number
  /** What was made of them last. */
  fold: Fold | undefined
}

interface Fold {
  readonly folding: Folding<unknown>
  readonly made: unknown
  /** How many were forgotten when it was begun, and how many there were, those included, when it was asked for last. */
  readonly begun: number
  count: number
}

/** Makes an empty memory of what was put back. It follows the cells in which something was. */
export function createRestored(): Restored {
  const byStamp = new Map<string, Map<CellKey, Value>>()
  const cells = new Map<CellKey, OfCell>()
  /** What was remembered and not asked yet, the oldest first. */
  let unasked: (readonly [stamp: string, values: () => ReadonlyMap<CellKey, Value>])[] = []

  function ask(): void {
    if (unasked.length === 0) return
    const now = unasked
    unasked = []
    for (const [stamp, values] of now) take(stamp, values())
  }

  function take(stamp: string, values: ReadonlyMap<CellKey, Value>): void {
    for (const key of values.keys()) {
      const cell = cells.get(key)
      if (cell === undefined) cells.set(key, { stamps: [stamp], forgotten: 0, fold: undefined })
      else if (cell.stamps.push(stamp) > MOST_OF_CELL) {
        forget(cell.stamps.shift()!, key)
        cell.forgotten += 1
      }
    }
    byStamp.set(stamp, new Map(values))
  }

  function forget(stamp: string, key: CellKey): void {
    const values = byStamp.get(stamp)
    values?.delete(key)
    if (values?.size === 0) byStamp.delete(stamp)
  }

  return {
    has(key) {
      ask()
      return cells.has(key)
    },
    get(stamp, key) {
      ask()
      return byStamp.get(stamp)?.get(key)
    },
    *of(key) {
      ask()
      for (const stamp of cells.get(key)?.stamps ?? []) {
        const value = byStamp.get(stamp)?.get(key)
        if (value !== undefined) yield value
      }
    },
    folded<T>(key: CellKey, folding: Folding<T>): T {
      ask()
      const cell = cells.get(key)
      if (cell === undefined) return folding.begin()
      const { stamps, forgotten } = cell
      let fold = cell.fold
      // What is forgotten is in it until there is much of that.
      if (fold === undefined || fold.folding !== folding || forgotten - fold.begun > MOST_OF_CELL) {
        fold = { folding, made: folding.begin(), begun: forgotten, count: forgotten }
        cell.fold = fold
      }
      // What this folding has made.
      const made = fold.made as T
      for (let i = Math.max(0, fold.count - forgotten); i < stamps.length; i++) {
        const value = byStamp.get(stamps[i]!)?.get(key)
        if (value !== undefined) folding.add(made, value)
      }
      fold.count = forgotten + stamps.length
      return made
    },
    remember(stamp, values) {
      ask()
      take(stamp, values)
    },
    rememberLater: (stamp, values) => void unasked.push([stamp, values]),
    rename(from, to, reworded) {
      ask()
      const values = byStamp.get(from)
      if (values === undefined) return
      byStamp.delete(from)
      byStamp.set(to, new Map(Array.from(values, ([key, value]) => [key, reworded(key, value)])))
      for (const key of values.keys()) {
        const cell = cells.get(key)!
        cell.stamps[cell.stamps.indexOf(from)] = to
        // It may say something else now.
        cell.fold = undefined
      }
    },
  }
}
