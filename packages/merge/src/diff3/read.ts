import type { Value } from '@syncline/stm'
import type { By } from '../diff/index.ts'
import { createAncestry, type Ancestry } from './ancestry.ts'
import type { History, Version, VersionId } from './history.ts'
import { mergeValues } from './values.ts'

/** Heads that merge without a conflict, and what comes of them. */
interface Side {
  readonly value: Value
  /** The latest of all heads first, then ascending by id. */
  readonly heads: readonly Version[]
  /** All versions that they come from, themselves included. */
  readonly seen: ReadonlySet<VersionId>
}

/** What a history reads as: a function of its versions alone. */
export interface Reading {
  /** What all sides agree on. Where they do not, what they both come from. */
  readonly value: Value
  /** One side, or several that disagree. */
  readonly sides: readonly [Side, ...Side[]]
  /**
   * Heads whose base nobody remembers: conflict copies. They stay beside the value until somebody writes a version that has seen
   * them; merging them would mean to guess.
   */
  readonly copies: readonly Version[]
}

/**
 * Reads a history: folds its heads, the latest first, then the others in the order of their ids, each into the first side with which it merges
 * without a conflict. The base of each merge is what both come from; where that is several versions, as after merges crosswise, they are
 * read in turn (the recursive merge of Git, Fredrik Kuivinen, 2005). `initial` stands before all versions.
 */
export function readHistory(history: History, initial: Value, by: By<any>): Reading {
  const ancestry = createAncestry(history)
  const fold = createFold(ancestry, initial, by)
  if (history.heads.length === 0) {
    return { value: initial, sides: [{ value: initial, heads: [], seen: new Set() }], copies: [] }
  }
  const { related, copies } = ancestry.parted(history.heads)
  return { ...fold.read(related), copies }
}

/** Merges versions of one history. */
export interface Fold {
  read(heads: readonly Version[]): Omit<Reading, 'copies'>
  /** Gathers sides that merge without a conflict; what is left disagrees. */
  gather(sides: readonly Side[]): readonly [Side, ...Side[]]
}

export function createFold(ancestry: Ancestry, initial: Value, by: By<any>): Fold {
  const readings = new Map<string, Omit<Reading, 'copies'>>()

  const baseOf = (mine: ReadonlySet<VersionId>, theirs: ReadonlySet<VersionId>): Value => {
    const shared = ancestry.latestShared(mine, theirs)
    return shared.length === 0 ? initial : read(shared).value
  }

  const gather = (sides: readonly Side[]): readonly [Side, ...Side[]] => {
    const gathered: Side[] = []
    for (const side of sides) {
      let isIn = false
      for (const [i, other] of gathered.entries()) {
        const merged = mergeValues(baseOf(other.seen, side.seen), other.value, side.value, by)
        if (!merged.clean) continue
        gathered[i] = {
          value: merged.value,
          heads: [...other.heads, ...side.heads],
          seen: new Set([...other.seen, ...side.seen]),
        }
        isIn = true
        break
      }
      if (!isIn) gathered.push(side)
    }
    // There are as many as were given, or fewer, and of one there is one.
    return gathered as unknown as readonly [Side, ...Side[]]
  }

  const read = (heads: readonly Version[]): Omit<Reading, 'copies'> => {
    const key = heads.map(({ id }) => id).join()
    let reading = readings.get(key)
    if (reading === undefined) {
      const sides = gather(heads.map((head) => ({ value: head.value, heads: [head], seen: ancestry.of(head.id) })))
      readings.set(key, (reading = { value: shownOf(sides), sides }))
    }
    return reading
  }

  const shownOf = ([first, ...others]: readonly [Side, ...Side[]]): Value => {
    let { value, seen } = first
    for (const side of others) {
      value = mergeValues(baseOf(seen, side.seen), value, side.value, by).value
      seen = new Set([...seen, ...side.seen])
    }
    return value
  }

  return { read, gather }
}
