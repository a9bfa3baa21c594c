import { markChanged } from './myers.ts'
import { settle } from './settle.ts'
import { skim } from './skim.ts'
import type { Symbols } from './symbols.ts'

/** One place where two sequences differ: the items from `aStart` up to `aEnd` of the one stand where the other has `bStart` to `bEnd`. */
export interface Hunk {
  readonly aStart: number
  readonly aEnd: number
  readonly bStart: number
  readonly bEnd: number
}

/** How hard to look. */
export interface Effort {
  /**
   * Whether items that occur all over the other side may be left out of the search where they stand among items that have no partner at all:
   * empty lines and closing braces in a block that was written anew. Right for lines, where it is what git does; a difference is then
   * not always the smallest.
   */
  readonly skims: boolean
  /** Counts the items looked at, for tests of how work grows. */
  readonly work?: Work
}

/** How many steps a comparison took. */
export interface Work {
  steps: number
}

/**
 * The hunks that make `b` of `a`, ascending, with at least one common item between two of them.
 *
 * Common ends are cut off; items without a partner are set aside (`skim`); the shortest way through the rest is searched from both ends
 * (`markChanged`, which gives up the very shortest where that would take too long); and each hunk that could stand at several places is
 * put where it stands best (`settle`). Cost: about n + m steps for what people write, (n + m)^1.5 at worst.
 */
export function hunksOf(a: Symbols, b: Symbols, symbolCount: number, effort: Effort): readonly Hunk[] {
  const work = effort.work ?? { steps: 0 }
  const shorter = Math.min(a.length, b.length)
  let head = 0
  while (head < shorter && a[head] === b[head]) head++
  if (head === a.length && head === b.length) return []
  let tail = 0
  while (tail < shorter - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++
  work.steps += head + tail

  const changedA = new Uint8Array(a.length)
  const changedB = new Uint8Array(b.length)
  const kept = skim({ a, b, head, tail, symbolCount, skims: effort.skims }, changedA, changedB)
  work.steps += a.length + b.length - 2 * (head + tail)
  markChanged(kept.a, kept.b, changedA, changedB, work)

  const gapsA = gapsOf(changedA)
  const gapsB = gapsOf(changedB)
  settle(a, gapsA, gapsB, work)
  settle(b, gapsB, gapsA, work)
  return hunksIn(gapsA, gapsB)
}

/**
 * The changed items of one side, counted between the unchanged ones: the first number is how many stand before the first unchanged item.
 * Unchanged items of both sides are partners in their order, so both sides have as many gaps.
 */
function gapsOf(changed: Uint8Array): Int32Array {
  let unchanged = 0
  for (let i = 0; i < changed.length; i++) unchanged += 1 - changed[i]!
  const gaps = new Int32Array(unchanged + 1)
  let gap = 0
  for (let i = 0; i < changed.length; i++) {
    if (changed[i] === 1) gaps[gap]!++
    else gap++
  }
  return gaps
}

function hunksIn(gapsA: Int32Array, gapsB: Int32Array): readonly Hunk[] {
  const hunks: Hunk[] = []
  let a = 0
  let b = 0
  for (let gap = 0; gap < gapsA.length; gap++) {
    const inA = gapsA[gap]!
    const inB = gapsB[gap]!
    if (inA > 0 || inB > 0) hunks.push({ aStart: a, aEnd: a + inA, bStart: b, bEnd: b + inB })
    a += inA + 1
    b += inB + 1
  }
  return hunks
}
