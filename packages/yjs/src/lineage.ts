import type { Value } from '@syncline/stm'
import { Stretches } from './stretches.ts'
import type { Range } from './stretches.ts'

/** Characters that stand for others: they were written to put these back. */
export interface StandIn {
  readonly range: Range
  /** Those that were there first, as many. */
  readonly root: Range
}

/**
 * Which characters stand for which. A deleted character never comes back in Yjs: what an undo puts back are characters of its own, and they
 * stand for the first ones of their line. So what wrote the first ones can still be taken back, and what deleted them done again.
 */
export interface Lineage {
  /** The first ones of the line, for each part of a range; the part itself where it stands for nothing. */
  rootsOf(range: Range): Iterable<StandIn>
  /** The newest ones that stand for each part of a range of first ones; the part itself where none do. All others of its line are deleted. */
  newestOf(root: Range): Iterable<StandIn>
}

/** From the units of one client to as many of another. */
interface Shift {
  readonly client: number
  readonly by: number
}

/**
 * Reads a lineage from what undos have put back, the oldest first. What is not in the document is left out: an undo that was refused has put
 * nothing back. Cost: what was put back.
 */
export function readLineage(restorations: Iterable<Value>, isThere: (range: Range) => boolean): Lineage {
  const roots = new Stretches<Shift>()
  const newest = new Stretches<Shift>()
  for (const data of restorations) {
    for (const { range, root } of decodeStandIns(data)) {
      if (!isThere(range)) continue
      roots.set(range, { client: root.client, by: root.clock - range.clock })
      newest.set(root, { client: range.client, by: range.clock - root.clock })
    }
  }
  return {
    *rootsOf(range) {
      for (const { range: part, value } of roots.over(range)) yield { range: part, root: shifted(part, value) }
    },
    *newestOf(root) {
      for (const { range: part, value } of newest.over(root)) yield { range: shifted(part, value), root: part }
    },
  }
}

function shifted(range: Range, shift: Shift | undefined): Range {
  return shift === undefined ? range : { client: shift.client, clock: range.clock + shift.by, length: range.length }
}

/** What stands for what, as the data that is kept with an undo: `client, clock, length, client of the first ones, their clock` one after the other. */
export function encodeStandIns(standIns: readonly StandIn[]): Value {
  return standIns.flatMap(({ range, root }) => [range.client, range.clock, range.length, root.client, root.clock])
}

/** What stands for what, in data; nothing where it makes no sense. */
export function decodeStandIns(data: Value): readonly StandIn[] {
  if (!Array.isArray(data) || !data.every(isCount)) return []
  const numbers = data as readonly number[]
  const standIns: StandIn[] = []
  for (let i = 0; i + 4 < numbers.length; i += 5) {
    const length = numbers[i + 2]!
    if (length === 0) continue
    standIns.push({
      range: { client: numbers[i]!, clock: numbers[i + 1]!, length },
      root: { client: numbers[i + 3]!, clock: numbers[i + 4]!, length },
    })
  }
  return standIns
}

/** Whether something is a client, a clock or a length. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
