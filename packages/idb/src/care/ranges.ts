import type { Range } from './report.ts'

/** A set of whole numbers from 1 on, most of which come one after the other. */
export interface Ranges {
  has(number: number): boolean
  add(from: number, to?: number): void
  /** What is missing between 1 and the greatest. */
  gaps(): readonly Range[]
  /** The number before the first that is missing. */
  readonly whole: number
}

export function createRanges(): Ranges {
  /** Ascending, with something missing between each and the next. */
  const ranges: { from: number; to: number }[] = []

  /** The first that ends at `number` or later. */
  function placeOf(number: number): number {
    let [from, to] = [0, ranges.length]
    if (to > 0 && ranges[to - 1]!.to < number) return to
    while (from < to) {
      const middle = (from + to) >> 1
      if (ranges[middle]!.to < number) from = middle + 1
      else to = middle
    }
    return from
  }

  return {
    has(number) {
      const range = ranges[placeOf(number)]
      return range !== undefined && range.from <= number
    },
    add(from, to = from) {
      if (to < from) return
      const at = placeOf(from - 1)
      const joined = { from, to }
      let count = 0
      for (let range = ranges[at]; range !== undefined && range.from <= to + 1; range = ranges[at + count]) {
        joined.from = Math.min(joined.from, range.from)
        joined.to = Math.max(joined.to, range.to)
        count++
      }
      ranges.splice(at, count, joined)
    },
    gaps: () =>
      ranges.flatMap(({ from }, i) => {
        const before = ranges[i - 1]?.to ?? 0
        return from > before + 1 ? [{ from: before + 1, to: from - 1 }] : []
      }),
    get whole() {
      return ranges[0]?.from === 1 ? ranges[0].to : 0
    },
  }
}
