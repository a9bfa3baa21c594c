import type { Hunk } from './script.ts'
import type { Symbols } from './symbols.ts'

/** Who changed a region of the base: one side, both in the same way, or both in different ways. */
type RegionKind = 'mine' | 'theirs' | 'same' | 'conflict'

/** A region of the base that was changed, and what stands for it on each side. Between two regions all three have the same. */
export interface Region {
  readonly kind: RegionKind
  readonly base: Extent
  readonly mine: Extent
  readonly theirs: Extent
}

/** The items from `start` up to `end`. */
export interface Extent {
  readonly start: number
  readonly end: number
}

interface Version {
  readonly symbols: Symbols
  /** How it differs from the base, which is `a` in each hunk. */
  readonly hunks: readonly Hunk[]
}

/**
 * The regions of a three-way merge, ascending: the unstable chunks of Sanjeev Khanna, Keshav Kunal and Benjamin C. Pierce, "A Formal
 * Investigation of Diff3" (FSTTCS 2007). Changes of both sides that touch each other, with no item of the base between them, are in one
 * region. Cost: one walk over the hunks, and one over what conflicts.
 *
 * Exchanging the sides exchanges the sides of each region and nothing else.
 */
export function regionsOf(mine: Version, theirs: Version): readonly Region[] {
  const regions: Region[] = []
  let i = 0
  let j = 0
  while (i < mine.hunks.length || j < theirs.hunks.length) {
    const fromI = i
    const fromJ = j
    const start = Math.min(mine.hunks[i]?.aStart ?? Infinity, theirs.hunks[j]?.aStart ?? Infinity)
    let end = start
    for (;;) {
      if (i < mine.hunks.length && mine.hunks[i]!.aStart <= end) end = Math.max(end, mine.hunks[i++]!.aEnd)
      else if (j < theirs.hunks.length && theirs.hunks[j]!.aStart <= end) end = Math.max(end, theirs.hunks[j++]!.aEnd)
      else break
    }
    const base = { start, end }
    const inMine = extentIn(mine.hunks, fromI, i, base)
    const inTheirs = extentIn(theirs.hunks, fromJ, j, base)
    const kind =
      i === fromI
        ? 'theirs'
        : j === fromJ
          ? 'mine'
          : isEqual(mine.symbols, inMine, theirs.symbols, inTheirs)
            ? 'same'
            : 'conflict'
    regions.push({ kind, base, mine: inMine, theirs: inTheirs })
  }
  return regions
}

/** What stands for a region of the base on a side of which the hunks `from` up to `to` are in it. */
function extentIn(hunks: readonly Hunk[], from: number, to: number, base: Extent): Extent {
  const before = hunks[from - 1]
  const last = hunks[to - 1]
  return {
    start: base.start + (before === undefined ? 0 : before.bEnd - before.aEnd),
    end: base.end + (last === undefined ? 0 : last.bEnd - last.aEnd),
  }
}

function isEqual(a: Symbols, inA: Extent, b: Symbols, inB: Extent): boolean {
  const length = inA.end - inA.start
  if (length !== inB.end - inB.start) return false
  for (let i = 0; i < length; i++) if (a[inA.start + i] !== b[inB.start + i]) return false
  return true
}
