import type { Value } from '@syncline/stm'
import type { Difference, Part } from './by.ts'
import type { Conflict, Path } from './conflict.ts'
import { agreed } from './part.ts'
import { regionsOf, type Extent } from './regions.ts'
import { hunksOf, type Effort } from './script.ts'
import { createNumbering, type Numbering, type Symbols } from './symbols.ts'

/** A kind of sequences: how one is cut into items, and a part of it taken. */
export interface Sequences<V extends string | readonly Value[]> {
  cut(value: V): Items<V>
  join(parts: readonly V[]): V
  readonly effort: Effort
}

/** A value that was cut into items. */
export interface Items<V> {
  readonly count: number
  /** Where an item begins in the value; with the count of items, the length of the value. */
  at(index: number): number
  /** The items from `start` up to `end`, as a part of the value. */
  slice(start: number, end: number): V
  numbered(numbering: Numbering): Symbols
}

/** How `b` differs from `a`, span by span. */
export function diffSequences<V extends string | readonly Value[]>(
  kind: Sequences<V>,
  a: V,
  b: V,
  path: Path,
): readonly Difference[] {
  const [before, after] = [kind.cut(a), kind.cut(b)]
  const numbering = createNumbering()
  return hunksOf(before.numbered(numbering), after.numbered(numbering), numbering.count(), kind.effort).map((hunk) => ({
    kind: 'splice',
    path,
    at: before.at(hunk.aStart),
    removed: before.slice(hunk.aStart, hunk.aEnd),
    added: after.slice(hunk.bStart, hunk.bEnd),
  }))
}

/** Three sequences and where they were changed. */
export interface Compared<V> {
  readonly base: Items<V>
  readonly mine: Items<V>
  readonly theirs: Items<V>
  readonly regions: ReturnType<typeof regionsOf>
}

/** Compares both sides with the base. */
export function compare<V extends string | readonly Value[]>(
  kind: Sequences<V>,
  base: V,
  mine: V,
  theirs: V,
): Compared<V> {
  const cuts = [kind.cut(base), kind.cut(mine), kind.cut(theirs)] as const
  const numbering = createNumbering()
  const [a, b, c] = [cuts[0].numbered(numbering), cuts[1].numbered(numbering), cuts[2].numbered(numbering)]
  const count = numbering.count()
  const regions = regionsOf(
    { symbols: b, hunks: hunksOf(a, b, count, kind.effort) },
    { symbols: c, hunks: hunksOf(a, c, count, kind.effort) },
  )
  return { base: cuts[0], mine: cuts[1], theirs: cuts[2], regions }
}

/** The three-way merge of sequences. */
export function mergeSequences<V extends string | readonly Value[]>(
  kind: Sequences<V>,
  base: V,
  mine: V,
  theirs: V,
  path: Path,
): Part {
  const compared = compare(kind, base, mine, theirs)
  const parts: V[] = []
  const conflicts: Conflict[] = []
  let length = 0
  let done = 0
  const put = (part: V): void => {
    parts.push(part)
    length += part.length
  }
  const take = (items: Items<V>, { start, end }: Extent): V => items.slice(start, end)
  for (const region of compared.regions) {
    put(compared.base.slice(done, region.base.start))
    done = region.base.end
    if (region.kind === 'conflict') {
      const inBase = take(compared.base, region.base)
      conflicts.push({
        kind: 'span',
        path,
        at: length,
        base: inBase,
        mine: take(compared.mine, region.mine),
        theirs: take(compared.theirs, region.theirs),
      })
      put(inBase)
    } else if (region.kind === 'theirs') put(take(compared.theirs, region.theirs))
    else put(take(compared.mine, region.mine))
  }
  put(compared.base.slice(done, compared.base.count))
  return { value: kind.join(parts), conflicts: conflicts.length === 0 ? agreed : conflicts }
}
