import { characters, lines } from '@syncline/merge/diff'
import { commonEnds } from './pairs.ts'

/** One place where a text is to be changed. */
export interface Splice {
  readonly index: number
  readonly removed: number
  readonly inserted: string
}

/**
 * From so many characters on, on both sides of a difference, lines are compared before characters are: the smallest difference of two long texts
 * that have little in common takes long to find, and is of no use to anybody.
 */
const LONG = 4_000

/**
 * What makes `mine` of `base`, to be done to `now`, the last place first. What others have inserted stays, what they have deleted is not deleted
 * again, and what they have changed in the same way is not changed again. What mine has behind a character is put behind it, or behind
 * the nearest one before it that is left; what it has at the end is put at the end. Cost: two differences.
 */
export function carriedOver(base: string, mine: string, now: string): readonly Splice[] {
  const ours = splicesOf(base, mine)
  if (ours.length === 0 || base === now) return ours.toReversed()
  const theirs = splicesOf(base, now)
  const kept = keptOf(base, theirs)
  const same = new Set(theirs.map(({ index, removed, inserted }) => `${index} ${removed} ${inserted}`))
  const carried: Splice[] = []
  for (const { index, removed, inserted } of ours) {
    if (same.has(`${index} ${removed} ${inserted}`)) continue
    const isEnding = mine !== '' && index + removed === base.length && inserted !== ''
    const place = isEnding ? now.length : placeBehind(kept, index)
    let isIn = inserted === ''
    for (const { from, end, shift } of kept) {
      const [first, last] = [Math.max(from, index), Math.min(end, index + removed)]
      if (first >= last) continue
      // What is put where something goes is one edit with it.
      const goesIn = !isIn && first + shift === place
      carried.push({ index: first + shift, removed: last - first, inserted: goesIn ? inserted : '' })
      isIn ||= goesIn
    }
    if (!isIn) carried.push({ index: place, removed: 0, inserted })
  }
  // Those that insert at one place are put there one before the other, so the later comes first.
  return carried
    .map((splice, order) => ({ splice, order }))
    .sort((a, b) => b.splice.index - a.splice.index || b.order - a.order)
    .map(({ splice }) => splice)
}

/** A part of the base that is there now, by `shift` further on. */
interface Kept {
  readonly from: number
  readonly end: number
  readonly shift: number
}

function keptOf(base: string, splices: readonly Splice[]): readonly Kept[] {
  const kept: Kept[] = []
  let from = 0
  let shift = 0
  for (const { index, removed, inserted } of [...splices, { index: base.length, removed: 0, inserted: '' }]) {
    if (from < index) kept.push({ from, end: index, shift })
    from = index + removed
    shift += inserted.length - removed
  }
  return kept
}

/** The place behind what was before a position of the base and is left. */
function placeBehind(kept: readonly Kept[], position: number): number {
  let place = 0
  for (const { from, end, shift } of kept) {
    if (from >= position) break
    place = Math.min(end, position) + shift
  }
  return place
}

/** The places where two texts differ, the first one first. Positions are those of the first text. */
function splicesOf(a: string, b: string): readonly Splice[] {
  if (a === b) return []
  const { start, end } = commonEnds(a, b)
  const [left, right] = [a.slice(start, a.length - end), b.slice(start, b.length - end)]
  if (left === '' || right === '') return [{ index: start, removed: left.length, inserted: right }]
  const isLong = left.length >= LONG && right.length >= LONG
  return (isLong ? lines : characters).diff(left, right, []).flatMap((difference): readonly Splice[] => {
    // Texts differ by splices alone.
    if (difference.kind !== 'splice') return []
    const index = start + difference.at
    const [removed, inserted] = [String(difference.removed), String(difference.added)]
    const whole = { index, removed: removed.length, inserted }
    if (!isLong || (removed.length >= LONG && inserted.length >= LONG)) return [whole]
    return splicesOf(removed, inserted).map((splice) => ({ ...splice, index: splice.index + index }))
  })
}
