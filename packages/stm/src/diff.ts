import { behindOf, type Behind } from './behind.ts'
import { StmError } from './errors.ts'
import { memberPrefix } from './family.ts'
import type { Policy } from './policy.ts'
import {
  isDerived,
  isMemberId,
  type AnyCollection,
  type AnyList,
  type AnyRef,
  type CellKey,
  type Range,
  type Readable,
} from './ref.ts'
import type { Snapshot } from './snapshot.ts'
import { equalValues } from './value.ts'
import { covers } from './watch.ts'

/** What reads differently in one Snapshot than in another. */
export interface Diff {
  readonly before: Snapshot
  readonly after: Snapshot
  /** The keys of the refs that differ in what is kept of them: all that may read differently, and of these `has` says whether they do. */
  readonly keys: ReadonlySet<CellKey>
  /** Whether a ref, a collection, a list or a range reads differently, as data. Cost: its values, and nothing where nothing of it is kept differently. */
  has(readable: Readable<unknown>): boolean
  /** What became of the members of a collection. Cost: `keys`, and the values of those members. */
  members(collection: AnyCollection): MemberDiff
}

/** The ids of members, ascending: those that only one of two Snapshots has, and those that read differently in the two. */
export interface MemberDiff {
  readonly added: readonly string[]
  readonly removed: readonly string[]
  readonly changed: readonly string[]
}

/**
 * What reads differently in `after` than in `before`. Both are Snapshots of one memory, in either order, and may be made by `with`.
 *
 * Throws `StmError` `unknown-snapshot` for Snapshots of different memories, or what is none. Cost: what was written between the two, however
 * much there is and was; of two that are old, or far apart, up to what was written since the older one.
 *
 * @example
 * import { createMemory, diff, emptyBasis } from '@syncline/stm'
 *
 * const [title, note] = [register('title', ''), register('note', '')]
 * const { snapshot } = createMemory()
 * const titled = snapshot.with((tx) => tx.set(title, 'Plan'))
 * const { keys, has } = diff(snapshot, titled)
 * expect([[...keys], has(title), has(note)]).toEqual([[title.key], true, false])
 */
export function diff(before: Snapshot, after: Snapshot): Diff {
  const [from, to] = [behindOf(before), behindOf(after)]
  if (from === undefined || to === undefined || from.versions !== to.versions) throw unknown(from, to)
  let keys = differing(from, to)

  /** Operations whose policy was not known are folded now, in both. */
  function adopt(policy: Policy): Policy {
    if (from!.policyOf(policy.tag) === undefined) {
      from!.view.adopt(policy)
      keys = differing(from!, to!)
    }
    return from!.view.adopt(policy)
  }

  function has(readable: Readable<unknown>): boolean {
    adopt(policyOf(readable))
    if (readable.kind === 'ref' ? !keys.has(readable.key) : !some(keys, (key) => covers(readable, key))) return false
    return !equalValues(before.get(readable), after.get(readable))
  }

  function members(collection: AnyCollection): MemberDiff {
    const { exists } = adopt(collection.policy)
    const prefix = memberPrefix(collection)
    const added: string[] = []
    const removed: string[] = []
    const changed: string[] = []
    for (const key of keys) {
      const id = key.startsWith(prefix) ? key.slice(prefix.length) : undefined
      if (!isMemberId(id)) continue
      const was = exists?.(from!.view.state(key)) === true
      const is = exists?.(to!.view.state(key)) === true
      if (is && !was) added.push(id)
      else if (was && !is) removed.push(id)
      else if (was && is && has(collection.at(id))) changed.push(id)
    }
    return { added: inOrder(added), removed: inOrder(removed), changed: inOrder(changed) }
  }

  return {
    before,
    after,
    get keys() {
      return keys
    },
    has,
    members,
  }
}

/** Whose policy decides about a readable. */
function policyOf(readable: Readable<unknown>): Policy {
  // What is not a ref or a collection is one of the two others.
  if (readable.kind === 'range') return policyOf((readable as Range).of)
  if (readable.kind === 'list') return (readable as AnyList).collection.policy
  return (readable as AnyRef | AnyCollection).policy
}

/** The cells that hold different states. */
function differing(from: Behind, to: Behind): ReadonlySet<CellKey> {
  const keys = new Set<CellKey>()
  const consider = (key: CellKey): void => {
    if (!isDerived(key) && from.view.state(key) !== to.view.state(key)) keys.add(key)
  }
  const [older, newer] = from.version.number <= to.version.number ? [from, to] : [to, from]
  for (const key of older.versions.writtenBetween(older.version, newer.version)) consider(key)
  for (const { over } of [from, to]) for (const key of over.keys()) consider(key)
  return keys
}

function some<T>(items: Iterable<T>, is: (item: T) => boolean): boolean {
  for (const item of items) if (is(item)) return true
  return false
}

/** By UTF-16 code units, as collections are. */
function inOrder(ids: string[]): readonly string[] {
  return Object.freeze(ids.sort())
}

function unknown(from: Behind | undefined, to: Behind | undefined): StmError {
  const what =
    from === undefined || to === undefined
      ? `The ${from === undefined ? 'first' : 'second'} argument of diff() is no Snapshot that a memory has given`
      : 'These are Snapshots of two memories, which have no history in common'
  return new StmError('unknown-snapshot', `${what}. Pass two Snapshots of one store, taken since it was opened.`)
}
