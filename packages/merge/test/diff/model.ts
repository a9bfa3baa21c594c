import { setKey, type Value } from '@syncline/stm'
import type { Difference, Key, Path } from '../../src/diff/index.ts'
import type { Region } from '../../src/diff/regions.ts'
import type { Hunk } from '../../src/diff/script.ts'

/** The length of a longest common subsequence, by the table that every textbook has. */
export function lcsLength(a: readonly unknown[], b: readonly unknown[], isEqual = Object.is): number {
  const table = Array.from({ length: a.length + 1 }, () => Array.from({ length: b.length + 1 }, () => 0))
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      table[i]![j] = isEqual(a[i], b[j]) ? table[i + 1]![j + 1]! + 1 : Math.max(table[i + 1]![j]!, table[i]![j + 1]!)
    }
  }
  return table[0]![0]!
}

/** Where each item of the base stands on a side; undefined for one that the side does not have. */
type Matching = readonly (number | undefined)[]

export function matchingOf(length: number, hunks: readonly Hunk[]): Matching {
  return Array.from({ length }, (_, place) => {
    if (hunks.some(({ aStart, aEnd }) => aStart <= place && place < aEnd)) return undefined
    return hunks.reduce(
      (at, { aStart, aEnd, bStart, bEnd }) => (aEnd <= place ? at + (bEnd - bStart) - (aEnd - aStart) : at),
      place,
    )
  })
}

/**
 * diff3 as the paper of Khanna, Kunal and Pierce writes it down in section 2: from where it stands it goes over items that are matched on both
 * sides; at the first that is not it looks for the next base item that both have, and what lies before that is an unstable chunk.
 */
export function textbookDiff3(
  base: readonly Value[],
  mine: readonly Value[],
  theirs: readonly Value[],
  inMine: Matching,
  inTheirs: Matching,
): readonly Region[] {
  const regions: Region[] = []
  let [o, a, b] = [0, 0, 0]
  for (;;) {
    while (o < base.length && inMine[o] === a && inTheirs[o] === b) {
      o++
      a++
      b++
    }
    let next = o
    while (next < base.length && (inMine[next] === undefined || inTheirs[next] === undefined)) next++
    const [endA, endB] = next < base.length ? [inMine[next]!, inTheirs[next]!] : [mine.length, theirs.length]
    if (next === o && endA === a && endB === b) return regions
    const [O, A, B] = [base.slice(o, next), mine.slice(a, endA), theirs.slice(b, endB)].map((part) => part.join('\0'))
    const isChanged = (side: string | undefined, length: number): boolean => side !== O || length !== next - o
    const [changedA, changedB] = [isChanged(A, endA - a), isChanged(B, endB - b)]
    regions.push({
      kind: !changedB ? 'mine' : !changedA ? 'theirs' : A === B && endA - a === endB - b ? 'same' : 'conflict',
      base: { start: o, end: next },
      mine: { start: a, end: endA },
      theirs: { start: b, end: endB },
    })
    ;[o, a, b] = [next, endA, endB]
  }
}

/** What differences make of a value, one after the other. Spans of one place are applied from the last to the first. */
export function applied(value: Value, differences: readonly Difference[]): Value {
  const ordered = differences.flatMap((difference, i) => {
    if (difference.kind !== 'splice') return [difference]
    const place = JSON.stringify(difference.path)
    const isSame = (other: Difference): boolean => other.kind === 'splice' && JSON.stringify(other.path) === place
    return isSame(differences[i - 1] ?? { kind: 'move', path: [], behind: null })
      ? []
      : differences.slice(i).filter(isSame).reverse()
  })
  return ordered.reduce<Value>((before, difference) => changed(before, difference.path, difference) ?? null, value)
}

function changed(value: Value | undefined, path: Path, difference: Difference): Value | undefined {
  const [step, ...rest] = path
  if (step === undefined) {
    if (difference.kind === 'set') return difference.is
    if (difference.kind === 'move') throw new Error('The whole cannot be moved.')
    const { at, removed, added } = difference
    if (typeof value === 'string') {
      expectSame(value.slice(at, at + removed.length), removed)
      return value.slice(0, at) + String(added) + value.slice(at + removed.length)
    }
    const array = value as readonly Value[]
    expectSame(array.slice(at, at + removed.length), removed)
    return array.toSpliced(at, removed.length, ...(added as readonly Value[]))
  }
  if (typeof step === 'string') {
    const inside = changed(ownOf(value, step), rest, difference)
    const copy: Record<string, Value> = {}
    for (const [key, each] of Object.entries(value as object)) if (key !== step) setKey(copy, key, each as Value)
    if (inside !== undefined) setKey(copy, step, inside)
    return copy
  }
  const [field, key] = Object.entries(step)[0]!
  const array = value as readonly Value[]
  const index = array.findIndex((item) => ownOf(item, field) === key)
  const item = array[index]
  if (rest.length > 0) return array.with(index, changed(item, rest, difference)!)
  const others = index === -1 ? array : array.toSpliced(index, 1)
  const behindOf = (behind: Key | null): number =>
    behind === null ? 0 : others.findIndex((other) => ownOf(other, field) === behind) + 1
  if (difference.kind === 'move') return others.toSpliced(behindOf(difference.behind), 0, item!)
  if (difference.kind === 'splice') throw new Error('An item is no sequence.')
  if (difference.is === undefined) return others
  return index === -1
    ? others.toSpliced(behindOf(difference.behind!), 0, difference.is)
    : array.with(index, difference.is)
}

function ownOf(value: Value | undefined, key: string): Value | undefined {
  return Object.hasOwn(value as object, key) ? (value as { readonly [key: string]: Value })[key] : undefined
}

function expectSame(found: unknown, removed: unknown): void {
  if (JSON.stringify(found) !== JSON.stringify(removed)) throw new Error(`${String(removed)} does not stand there.`)
}
