import { emptyBasis, type Basis, type Op, type Stamp } from './change.ts'
import {
  collectMoves,
  familyOf,
  familyPrefix,
  idsOf,
  keptAs,
  noItems,
  prefixOf,
  sortedKey,
  type Index,
  type Moves,
} from './indexes.ts'
import type { Policy } from './policy.ts'
import { cellKey, type CellKey, type Collection, type List, type Readable, type Ref } from './ref.ts'
import type { Snapshot } from './snapshot.ts'
import { sortedSet, type SortedSet } from './sorted.ts'
import { Versions, type Version } from './versions.ts'

/** All cells of one replica of a space, and the policies that fold operations into them. Pure: no clock, no chance, no I/O. */
export interface Memory {
  /** Everything as it is now. The same object until the next `apply` or `put`. */
  readonly snapshot: Snapshot

  /**
   * Makes a policy known under its tag and returns the one that is used: the first that came. Operations with this tag that were
   * applied before are folded now.
   */
  adopt(policy: Policy): Policy
  /** The policy under a tag, if it is known. */
  policy(tag: string): Policy | undefined

  /** The newest state of a cell, undefined while nobody has written. */
  state(key: CellKey): unknown
  /** The sorted set behind a collection or list, now. */
  sorted(readable: Collection | List): SortedSet

  /** Folds the operations of one Change into their cells, as one new version. Returns the keys of all cells that changed, derived ones included. */
  apply(ops: readonly Op[], stamp: Stamp, basis: Basis): ReadonlySet<CellKey>
  /** Forgets operations that still wait for their policy: those whose stamp `isGone`. */
  forget(isGone: (stamp: Stamp) => boolean): void
  /** Replaces the states of cells (undefined: nobody has written), as one new version. */
  put(states: ReadonlyMap<CellKey, unknown>, basis: Basis): ReadonlySet<CellKey>
}

/** An operation that was applied before its policy was known. */
export interface UnreadOp {
  readonly op: Op
  readonly stamp: Stamp
}

/**
 * Makes an empty memory. `bind` is called once for each policy that becomes known, with the operations that waited for it, and may
 * return another policy in its place: one that is bound to live documents.
 */
export function createMemory(bind: (policy: Policy, waiting: readonly UnreadOp[]) => Policy = (policy) => policy): Memory {
  const versions = new Versions(emptyBasis)
  const policies = new Map<string, Policy>()
  /** Operations whose policy is not known here yet: kept as they are, so that nothing depends on what an app has imported. */
  const unread = new Map<string, UnreadOp[]>()
  const indexes = new Map<string, Index>()
  let snapshot: Snapshot | undefined

  function adopt(policy: Policy): Policy {
    const known = policies.get(policy.tag)
    if (known !== undefined) return known
    const waiting = unread.get(policy.tag) ?? []
    const bound = bind(policy, waiting)
    policies.set(policy.tag, bound)
    if (waiting.length > 0) {
      unread.delete(policy.tag)
      const states = new Map<CellKey, unknown>()
      for (const { op, stamp } of waiting) fold(states, op, stamp)
      // What these operations wrote was there all the time; it only could not be read.
      for (const [key, state] of states) versions.derive(key, state)
    }
    return bound
  }

  function fold(states: Map<CellKey, unknown>, op: Op, stamp: Stamp): void {
    const policy = policies.get(op.tag)
    if (policy === undefined) {
      const waiting = unread.get(op.tag)
      if (waiting === undefined) unread.set(op.tag, [{ op, stamp }])
      else waiting.push({ op, stamp })
      return
    }
    const key = cellKey(op.tag, op.address)
    const before = states.has(key) ? states.get(key) : versions.read(versions.newest, key)
    states.set(key, policy.apply(before, op.payload, stamp))
  }

  function apply(ops: readonly Op[], stamp: Stamp, basis: Basis): ReadonlySet<CellKey> {
    const states = new Map<CellKey, unknown>()
    for (const op of ops) fold(states, op, stamp)
    return put(states, basis)
  }

  function put(states: ReadonlyMap<CellKey, unknown>, basis: Basis): ReadonlySet<CellKey> {
    const changed = new Map<CellKey, unknown>()
    const moves = new Map<CellKey, Moves>()
    for (const [key, state] of states) {
      const before = versions.read(versions.newest, key)
      if (before === state) continue
      changed.set(key, state)
      const prefix = indexes.size > 0 ? prefixOf(key) : undefined
      const index = prefix === undefined ? undefined : indexes.get(prefix)
      if (index !== undefined) collectMoves(index, key.slice(prefix!.length), before, state, moves)
    }
    for (const [key, { added, removed }] of moves) {
      const before = (versions.read(versions.newest, key) as SortedSet | undefined) ?? noItems
      const after = before.change(added, removed)
      if (after !== before) changed.set(key, after)
    }
    if (changed.size > 0 || basis !== versions.newest.basis) {
      versions.commit(changed, basis)
      snapshot = undefined
    }
    return new Set(changed.keys())
  }

  /** The sorted set of a collection or list at a version; brings it under care at the newest version when nobody asked before. */
  function sortedAt(version: Version, readable: Collection | List): SortedSet {
    adopt(readable.kind === 'list' ? readable.collection.policy : readable.policy)
    const family = familyOf(readable)
    const prefix = familyPrefix(family)
    let index = indexes.get(prefix)
    if (index === undefined) indexes.set(prefix, (index = { family, since: new Map() }))
    const kept = keptAs(readable)
    if (!index.since.has(kept)) {
      index.since.set(kept, versions.newest.number)
      fill(index, kept, prefix)
    }
    const key = sortedKey(readable)
    if (version.number >= index.since.get(kept)!) return (versions.read(version, key) as SortedSet | undefined) ?? noItems
    const found = search(version, { family, since: new Map([[kept, 0]]) }, prefix).get(key)
    return found === undefined ? noItems : sortedSet(found.added)
  }

  /** Computes sorted sets by looking at every cell of a version. */
  function search(version: Version, index: Index, prefix: string): Map<CellKey, Moves> {
    const moves = new Map<CellKey, Moves>()
    for (const key of versions.keys(version)) {
      if (key.startsWith(prefix)) collectMoves(index, key.slice(prefix.length), undefined, versions.read(version, key), moves)
    }
    return moves
  }

  /** Puts the sorted sets that came under care into the newest version. They are derived, so this changes no value and no basis. */
  function fill(index: Index, kept: string, prefix: string): void {
    const found = search(versions.newest, { family: index.family, since: new Map([[kept, 0]]) }, prefix)
    for (const [key, { added }] of found) versions.derive(key, sortedSet(added))
  }

  function get(version: Version, readable: Readable<unknown>): unknown {
    if (readable.kind === 'ref') {
      const ref = readable as Ref
      const policy = policies.get(ref.policy.tag) ?? adopt(ref.policy)
      return policy.read(versions.read(version, ref.key), ref)
    }
    const family = readable as Collection | List
    return idsOf(family, sortedAt(version, family))
  }

  function snapshotOf(version: Version): Snapshot {
    const made: Snapshot = {
      basis: version.basis,
      get: <V>(readable: Readable<V>) => get(version, readable) as V,
      items: <V>(collection: Collection<V>) => itemsOf(made, collection),
    }
    return made
  }

  return {
    get snapshot() {
      return (snapshot ??= snapshotOf(versions.newest))
    },
    adopt,
    policy: (tag) => policies.get(tag),
    state: (key) => versions.read(versions.newest, key),
    sorted: (readable) => sortedAt(versions.newest, readable),
    apply,
    forget(isGone) {
      for (const [tag, waiting] of unread) unread.set(tag, waiting.filter(({ stamp }) => !isGone(stamp)))
    },
    put,
  }
}

/** The members of a collection as `[id, value]`, ascending by id, read through anything that reads. */
export function* itemsOf<V>(
  reader: { get<R>(readable: Readable<R>): R },
  collection: Collection<V>,
): Iterable<readonly [string, V]> {
  for (const id of reader.get(collection)) yield [id, reader.get(collection.at(id)) as V]
}
