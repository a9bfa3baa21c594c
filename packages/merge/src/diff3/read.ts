import { equalValues, type Value } from '@syncline/stm'
import type { By, Conflict } from '../diff/index.ts'
import { compareValues } from '../order.ts'
import { createAncestry, type Ancestry } from './ancestry.ts'
import type { History } from './history.ts'
import { mergeValues } from './values.ts'
import { byGeneration, valueIn, type Version, type VersionId } from './version.ts'

/** Heads that merge without a conflict, and what comes of them. */
export interface Side {
  readonly value: Value
  readonly heads: readonly Version[]
  /** All versions that they come from, themselves included. */
  readonly seen: ReadonlySet<VersionId>
}

/** What a history reads as: a function of its versions alone. */
export interface Reading {
  /** What is agreed on. Where the first two sides do not agree, what they both come from. */
  readonly value: Value
  /** Where the first two sides do not agree, and what each wants there. */
  readonly conflicts: readonly Conflict[]
  /** One, or two that disagree. */
  readonly sides: readonly [Side] | readonly [mine: Side, theirs: Side]
  /** Further sides, which wait until these two agree. */
  readonly waiting: readonly Side[]
  /**
   * Heads whose base nobody remembers: conflict copies. They stay beside the value until somebody writes a version that has seen
   * them; merging them would mean to guess.
   */
  readonly copies: readonly Version[]
}

/**
 * Reads a history: folds its heads, in an order of their values, each into the first side with which it merges without a conflict. The base of each merge is what both come from; where that is several versions, as after merges crosswise, they are
 * read in turn (the recursive merge of Git, Fredrik Kuivinen, 2005). `initial` stands before all versions.
 */
export function readHistory(history: History, initial: Value, by: By<any>): Reading {
  const [only] = history.heads
  if (only === undefined) return agreed({ value: initial, heads: [], seen: new Set() }, [])
  if (history.heads.length === 1) {
    const head = history.versions.get(only)!
    return agreed({ value: valueIn(head, initial), heads: [head], seen: new Set([only]) }, [])
  }
  const ancestry = createAncestry(history)
  const fold = createFold(ancestry, initial, by)
  const { related, ...parted } = ancestry.parted(history.heads)
  const copies = parted.copies
    .map((head) => fold.sideOf(head))
    .sort(byValue)
    .flatMap(({ heads }) => heads)
  // In an order of what they say, not of their ids: what was taken back, and made again, reads as it did.
  let sides = [...fold.gather(related.map((head) => fold.sideOf(head)).sort(byValue))].sort(byValue)
  while (sides.length > 1) {
    const [one, other] = firstWithBase(sides, fold)
    const waiting = sides.filter((side) => side !== one && side !== other)
    const merged = fold.merge(one, other)!
    const [first] = merged.conflicts
    if (first === undefined) {
      // Among very many they had not been compared.
      sides = [united(one, other, merged.value), ...waiting].sort(byValue)
      continue
    }
    if (compareValues(first.mine, first.theirs) <= 0) return { ...merged, sides: [one, other], waiting, copies }
    return { ...fold.merge(other, one)!, sides: [other, one], waiting, copies }
  }
  return agreed(sides[0]!, copies)
}

/** The latest version is in one of the sides, and all others have a base with it; others need not have one with each other. */
function firstWithBase(sides: readonly Side[], fold: Fold): readonly [Side, Side] {
  for (const [i, one] of sides.entries()) {
    const other = sides.slice(i + 1).find((side) => fold.base(one, side) !== undefined)
    if (other !== undefined) return [one, other]
  }
  throw new Error(`Of ${sides.length} sides no two have a base, though each has one with the latest version.`)
}

function byValue(a: Side, b: Side): number {
  return compareValues(a.value, b.value) || (a.heads[0]!.id < b.heads[0]!.id ? -1 : 1)
}

function agreed(side: Side, copies: readonly Version[]): Reading {
  return { value: side.value, conflicts: [], sides: [side], waiting: [], copies }
}

/** Merges versions of one history. */
export interface Fold {
  sideOf(head: Version): Side
  /** Gathers sides that merge without a conflict; what is left disagrees, each with each of the first 16 before it. */
  gather(sides: readonly Side[]): readonly [Side, ...Side[]]
  merge(mine: Side, theirs: Side): Merge | undefined
  /** What both come from: some versions, and what these come to. Undefined where nobody remembers. */
  base(mine: Side, theirs: Side): Base | undefined
}

interface Base {
  readonly versions: readonly Version[]
  /** One value; or, where the versions disagree and nobody remembers what they come from in turn, what each of them has. */
  readonly values: readonly [Value, ...Value[]]
}

interface Merge {
  readonly value: Value
  readonly conflicts: readonly Conflict[]
}

/**
 * With so many sides a head is compared, and so often all are gone through: far more than people disagree about at once, so that whoever
 * writes a thousand heads on purpose takes nobody's time.
 */
const MOST_COMPARED = 16
const MOST_ROUNDS = 4
const MOST_BASES = 4

export function createFold(ancestry: Ancestry, initial: Value, by: By<any>): Fold {
  const bases = new Map<string, readonly [Value, ...Value[]]>()

  const base = (mine: Side, theirs: Side): Base | undefined => {
    const versions = ancestry.latestShared(mine.seen, theirs.seen)
    if (versions.length === 0) {
      const areKnown = ancestry.goesBack(mine.seen) && ancestry.goesBack(theirs.seen)
      return areKnown ? { versions, values: [initial] } : undefined
    }
    const key = versions.map(({ id }) => id).join()
    let values = bases.get(key)
    if (values === undefined) bases.set(key, (values = joined(gather([...versions].sort(byGeneration).map(sideOf)))))
    return { versions, values }
  }

  /** Of sides that are at odds: what they come from there. */
  const joined = (sides: readonly [Side, ...Side[]]): readonly [Value, ...Value[]] => {
    let [all] = sides
    for (const side of sides.slice(1)) {
      const merged = merge(all, side)
      if (merged === undefined) {
        const [first, ...more] = sides
        return [first.value, ...more.slice(0, MOST_BASES - 1).map(({ value }) => value)]
      }
      all = united(all, side, merged.value)
    }
    return [all.value]
  }

  /** Undefined where nobody remembers what both come from. Of several bases all must say the same, or who is right is not to be told. */
  const merge = (mine: Side, theirs: Side): Merge | undefined => {
    const from = base(mine, theirs)
    if (from === undefined) return undefined
    const all = from.values.map((value) => mergeValues(value, mine.value, theirs.value, by))
    const [first] = all
    for (const merged of all) if (!merged.clean) return { value: merged.value, conflicts: merged.conflicts }
    if (all.every(({ value }) => equalValues(value, first!.value))) return { value: first!.value, conflicts: [] }
    const [was] = from.values
    const conflict = { kind: 'value', path: [], base: was, mine: mine.value, theirs: theirs.value } as const
    return { value: was, conflicts: [conflict] }
  }

  const gatherOnce = (sides: readonly Side[]): readonly Side[] => {
    const gathered: Side[] = []
    for (const side of sides) {
      let isIn = false
      for (const [i, other] of gathered.slice(0, MOST_COMPARED).entries()) {
        const merged = merge(other, side)
        if (merged === undefined || merged.conflicts.length > 0) continue
        gathered[i] = united(other, side, merged.value)
        isIn = true
        break
      }
      if (!isIn) gathered.push(side)
    }
    return gathered
  }

  const gather = (sides: readonly Side[]): readonly [Side, ...Side[]] => {
    let [before, now] = [sides, gatherOnce(sides)]
    // A side that others have joined may have come to agree with one that it was at odds with.
    for (let round = 1; round < MOST_ROUNDS && now.length > 1 && now.length < before.length; round++) {
      ;[before, now] = [now, gatherOnce(now)]
    }
    // There are as many as were given, or fewer, and of one there is one.
    return now as readonly [Side, ...Side[]]
  }

  const sideOf = (head: Version): Side => {
    return { value: valueIn(head, initial), heads: [head], seen: ancestry.of(head.id) }
  }

  return { sideOf, gather, merge, base }
}

function united(first: Side, second: Side, value: Value): Side {
  return { value, heads: [...first.heads, ...second.heads], seen: new Set([...first.seen, ...second.seen]) }
}
