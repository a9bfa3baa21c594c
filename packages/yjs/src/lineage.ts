import type { Folding, Past, Value } from '@syncline/stm'
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

/** What undos have put back, the oldest first, and whether all of it is in the document or not. */
interface Lines {
  readonly roots: Stretches<Shift>
  readonly newest: Stretches<Shift>
}

const foldingAll: Folding<Lines> = {
  begin: () => ({ roots: new Stretches(), newest: new Stretches() }),
  add(lines, data) {
    for (const one of decodeStandIns(data)) addTo(lines, one)
  },
}

function addTo({ roots, newest }: Lines, { range, root }: StandIn): void {
  roots.set(range, { client: root.client, by: root.clock - range.clock })
  newest.set(root, { client: range.client, by: range.clock - root.clock })
}

/**
 * Gives `body` the lineage of a document and returns what it gives. What is not in the document is left out: an undo that was refused has put nothing
 * back. `body` may be run again: mostly all is there, and so nobody looks before somebody comes upon something that is not. Cost: what was put
 * back since this was asked for last; where that is not kept, or something is not there, all that was put back.
 */
export function withLineage<T>(past: Past, isThere: (range: Range) => boolean, body: (lineage: Lineage) => T): T {
  const all = past.folded?.(foldingAll)
  if (all !== undefined) {
    let isAllThere = true
    const result = body(
      lineageIn(all, (range) => {
        isAllThere &&= isThere(range)
      }),
    )
    if (isAllThere) return result
  }
  const there = foldingAll.begin()
  for (const data of past.restorations())
    for (const one of decodeStandIns(data)) if (isThere(one.range)) addTo(there, one)
  return body(lineageIn(there, () => undefined))
}

/** `onStandIn` is told of what is given that stands for something. */
function lineageIn({ roots, newest }: Lines, onStandIn: (range: Range) => void): Lineage {
  return {
    *rootsOf(range) {
      for (const { range: part, value } of roots.over(range)) {
        if (value !== undefined) onStandIn(part)
        yield { range: part, root: shifted(part, value) }
      }
    },
    *newestOf(root) {
      for (const { range: part, value } of newest.over(root)) {
        const now = shifted(part, value)
        if (value !== undefined) onStandIn(now)
        yield { range: now, root: part }
      }
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
