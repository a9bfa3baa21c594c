import type { Work } from './script.ts'
import type { Symbols } from './symbols.ts'

/** So many steps an item may be slid over on average. Repetitions inside repetitions would take more; then the rest stays where it is. */
const STEPS_PER_ITEM = 32

/**
 * Puts groups of changed items where they stand best. A group that begins with what follows it can slide down by one item, and one that ends
 * with what stands before it can slide up: the difference says the same. Groups that meet become one. Each ends as far down as it
 * goes, or, before that, at the last place where the other side has changed items too, so that what was replaced is one hunk.
 *
 * `gaps` counts the changed items between unchanged ones and is changed in place; `others` is the same of the other side.
 */
export function settle(symbols: Symbols, gaps: Int32Array, others: Int32Array, work: Work): void {
  let budget = STEPS_PER_ITEM * (symbols.length + 1)
  let start = 0
  for (let gap = 0; gap < gaps.length; gap++) {
    let size = gaps[gap]!
    if (size > 0 && budget > 0) {
      let highest: number
      let shared: number
      let sizeBefore: number
      gaps[gap] = 0
      const absorb = (): number => {
        const met = gaps[gap]!
        gaps[gap] = 0
        size += met
        return met
      }
      do {
        sizeBefore = size
        const gapBefore = gap
        while (start > 0 && symbols[start - 1] === symbols[start + size - 1]) {
          gap--
          start -= 1 + absorb()
        }
        budget -= gapBefore - gap
        highest = gap
        shared = others[gap]! > 0 ? gap : -1
        while (start + size < symbols.length && symbols[start] === symbols[start + size]) {
          gap++
          start++
          absorb()
          if (others[gap]! > 0) shared = gap
        }
        budget -= gap - highest
      } while (size !== sizeBefore && budget > 0)
      if (shared !== -1) {
        start -= gap - shared
        gap = shared
      }
      gaps[gap] = size
    }
    start += size + 1
  }
  work.steps += STEPS_PER_ITEM * (symbols.length + 1) - budget
}
