import type { Cell, CellFamily } from './cells.ts'
import { keepsIds, listEntry, type Moves } from './entries.ts'
import { collectionOf, familyOf, memberPrefix, sortedKey, type Family } from './family.ts'
import type { Policy, PolicyRef } from './policy.ts'
import { isMemberId, listKey, membersKey, type AnyCollection, type AnyList, type CellKey } from './ref.ts'
import { ascendingSet, sortedInSteps, sortedSet, type SortedSet } from './sorted.ts'
import type { Overwritten, Version, Versions } from './versions.ts'

/** The sorted sets of one memory: those that somebody has asked for are kept up to date. */
export interface Indexes {
  /** Adds the sorted sets that follow from what is overwritten. Returns the keys of those that read as before. */
  derive(found: Overwritten): ReadonlySet<CellKey> | undefined
  /** The sorted set of a collection or list at a version; from the first time that anybody asks it is kept up to date. */
  sorted(version: Version, readable: AnyCollection | AnyList): SortedSet
  /**
   * The same at the newest version, and the values of the members, in steps of so many; it is left to the next who asks when something is committed meanwhile. With `isExpected` rows came with
   * the values that are read.
   */
  ready(readable: AnyCollection | AnyList, isExpected: boolean): Iterable<number>
  /** The members of a collection at a version, and what they read. */
  items(version: Version, collection: AnyCollection, isExpected: boolean): Iterable<readonly [string, unknown]>
  /** The cells of a family, members first, in the order of their ids; undefined where nobody has asked for these. */
  inOrder(family: CellFamily): Iterable<Cell> | undefined
  /** What is kept of each family, by the prefix of its keys. What is taken out is found again by the next who asks. */
  readonly byPrefix: Map<string, Index>
}

/** So many members are looked at in one step: a millisecond. */
const STEP = 1024
/** So many values are made in one. */
const STEP_OF_VALUES = 256

/** Makes the indexes of one memory: of its versions, and the policies that it adopts. */
export function createIndexes(versions: Versions, adopt: (policy: Policy) => Policy): Indexes {
  /** By the prefix of their family. */
  const indexes = new Map<string, Index>()

  function derive(found: Overwritten): ReadonlySet<CellKey> | undefined {
    let moves: Map<CellKey, Moves> | undefined
    let last = ''
    let index: Index | undefined
    for (let i = 0; i < found.size; i++) {
      const { family, id } = found.cells[i]!
      if (family.prefix !== last) {
        last = family.prefix
        index = indexes.get(last)
      }
      if (index === undefined) continue
      collectMoves(index.family, index.since.keys(), id, found.befores[i], found.afters[i], (moves ??= new Map()))
    }
    let unseen: Set<CellKey> | undefined
    for (const [key, move] of moves ?? []) {
      const before = versions.now(key) as SortedSet | undefined
      const after = (before ?? noItems).change(move.added, move.removed)
      if (after === (before ?? noItems)) continue
      found.add(versions.cell(key), after.size === 0 ? undefined : after)
      if (keepsIds(before ?? noItems, after, move)) (unseen ??= new Set()).add(key)
    }
    return unseen
  }

  function indexOf(readable: AnyCollection | AnyList, prefix: string): Index {
    const policy = adopt(collectionOf(readable).policy)
    let index = indexes.get(prefix)
    if (index === undefined) {
      index = { family: familyOf(readable, policy), since: new Map(), searched: new WeakMap() }
      indexes.set(prefix, index)
    }
    return index
  }

  function* ready(readable: AnyCollection | AnyList, isExpected: boolean): Generator<number> {
    yield* readySets(readable)
    const { newest } = versions
    const collection = collectionOf(readable)
    const prefix = memberPrefix(collection)
    const policy = adopt(collection.policy)
    let count = 0
    const made = isExpected ? versions.rowsNow(prefix)?.made() : undefined
    for (const { id, state } of made ?? versions.membersNow(prefix)) {
      policy.read(state, new Member(collection, id))
      if (++count % STEP_OF_VALUES !== 0) continue
      yield STEP_OF_VALUES
      if (versions.newest !== newest) return
    }
  }

  function* items(
    version: Version,
    collection: AnyCollection,
    isExpected: boolean,
  ): Generator<readonly [string, unknown]> {
    const ids = sorted(version, collection).items()
    const policy = adopt(collection.policy)
    const prefix = memberPrefix(collection)
    const rows = isExpected ? versions.rowsNow(prefix) : undefined
    for (const id of ids) {
      const row = rows?.rowOf(id) ?? -1
      const value: unknown =
        row === -1
          ? policy.read(versions.readMember(version, prefix, id), new Member(collection, id))
          : rows!.valueAt(row)
      if (value !== undefined) yield [id, value]
    }
  }

  function* readySets(readable: AnyCollection | AnyList): Generator<number> {
    const prefix = memberPrefix(readable)
    const index = indexOf(readable, prefix)
    const kept = keptAs(readable)
    if (index.since.has(kept)) return
    const { newest } = versions
    const moves = new Map<CellKey, Moves>()
    const keeps = [kept]
    const rows = kept === MEMBERS ? versions.rowsNow(prefix) : undefined
    const left = rows?.left ?? []
    // Whoever reads in a pause makes cells of rows.
    const made = rows && [...rows.made()]
    let count = 0
    for (const { id, state } of made ?? versions.membersNow(prefix)) {
      collectMoves(index.family, keeps, id, undefined, state, moves)
      if (++count % STEP !== 0) continue
      yield STEP
      if (versions.newest !== newest) return
    }
    const found: (readonly [CellKey, SortedSet])[] = []
    for (const [key, { added }] of moves) found.push([key, yield* sortedInSteps([...left, ...added])])
    if (left.length > 0 && found.length === 0) found.push([membersKeyOf(index.family), ascendingSet(left)])
    if (versions.newest !== newest || index.since.has(kept)) return
    for (const [key, set] of found) versions.derive(key, set)
    index.since.set(kept, newest.number)
  }

  function sorted(version: Version, readable: AnyCollection | AnyList): SortedSet {
    const prefix = memberPrefix(readable)
    const index = indexOf(readable, prefix)
    const kept = keptAs(readable)
    let since = index.since.get(kept)
    if (since === undefined) {
      // Derived from what the newest version holds, so this makes no new one.
      for (const [key, set] of search(versions.newest, index.family, kept, prefix)) versions.derive(key, set)
      index.since.set(kept, (since = versions.newest.number))
    }
    const key = sortedKey(readable)
    const found =
      version.number >= since ? versions.read(version, key) : searched(version, index, kept, prefix).get(key)
    return (found as SortedSet | undefined) ?? noItems
  }

  /** The sorted sets of a version that is older than their index: searched once, and kept as long as the version. */
  function searched(version: Version, index: Index, kept: string, prefix: string): ReadonlyMap<CellKey, SortedSet> {
    let byKept = index.searched.get(version)
    if (byKept === undefined) index.searched.set(version, (byKept = new Map()))
    let found = byKept.get(kept)
    if (found === undefined) byKept.set(kept, (found = search(version, index.family, kept, prefix)))
    return found
  }

  /** Computes sorted sets by looking at every cell of a version. */
  function search(version: Version, family: Family, kept: string, prefix: string): Map<CellKey, SortedSet> {
    const moves = new Map<CellKey, Moves>()
    const keeps = [kept]
    for (const [id, state] of versions.members(version, prefix)) {
      collectMoves(family, keeps, id, undefined, state, moves)
    }
    return new Map(Array.from(moves, ([key, { added }]) => [key, sortedSet(added)]))
  }

  function inOrder(family: CellFamily): Iterable<Cell> | undefined {
    const index = indexes.get(family.prefix)
    const members = index?.since.has(MEMBERS) ? versions.now(membersKeyOf(index.family)) : undefined
    return members === undefined ? undefined : membersFirst(family, (members as SortedSet).items())
  }

  return { derive, sorted, ready, items, inOrder, byPrefix: indexes }
}

function* membersFirst({ cells, rows }: CellFamily, ids: readonly string[]): Iterable<Cell> {
  for (const id of ids) yield (rows === undefined ? cells.get(id) : rows.look(id))!
  if (cells.size === ids.length) return
  const known = new Set(ids)
  for (const [id, cell] of cells) if (!known.has(id)) yield cell
}

/** What a policy sees of a member: few ask for its address. */
class Member implements PolicyRef {
  readonly spec: unknown
  readonly #name: string
  readonly #id: string

  constructor({ name, spec }: AnyCollection, id: string) {
    this.spec = spec
    this.#name = name
    this.#id = id
  }

  get address(): string {
    return `${this.#name}/${this.#id}`
  }
}

/** The sorted sets kept for one family: its membership, and its lists by the fields that were asked for. */
export interface Index {
  readonly family: Family
  /** The version at which the membership, or the lists of a field, came under care. */
  readonly since: Map<string, number>
  /** What was found in versions older than that. */
  readonly searched: WeakMap<Version, Map<string, ReadonlyMap<CellKey, SortedSet>>>
}

/** The sorted set of nothing. */
const noItems: SortedSet = sortedSet()

/**
 * Collects into `moves` what becomes of a family's sorted sets when one member goes from one state to another.
 *
 * What others sent may name a member that nobody could have made here: such ids are in no collection, so that every id can be used.
 */
function collectMoves(
  family: Family,
  keeps: Iterable<string>,
  id: string,
  before: unknown,
  after: unknown,
  moves: Map<CellKey, Moves>,
): void {
  if (!isMemberId(id)) return
  const was = family.policy.exists?.(before) === true
  const is = family.policy.exists?.(after) === true
  if (!was && !is) return
  for (const kept of keeps) {
    if (kept === MEMBERS) {
      if (was === is) continue
      const move = movesOf(moves, membersKeyOf(family))
      ;(is ? move.added : move.removed).push(id)
      continue
    }
    const field = kept.slice(1)
    const from = was ? family.policy.place?.(before, field) : undefined
    const to = is ? family.policy.place?.(after, field) : undefined
    if (from?.parent === to?.parent && from?.key === to?.key) continue
    const { tag, name, arbiter } = family
    if (from) movesOf(moves, listKey(tag, name, field, from.parent, arbiter)).removed.push(listEntry(from.key, id))
    if (to) movesOf(moves, listKey(tag, name, field, to.parent, arbiter)).added.push(listEntry(to.key, id))
  }
}

function membersKeyOf({ tag, name, arbiter }: Family): CellKey {
  return membersKey(tag, name, arbiter)
}

function movesOf(moves: Map<CellKey, Moves>, key: CellKey): Moves {
  let found = moves.get(key)
  if (found === undefined) moves.set(key, (found = { added: [], removed: [] }))
  return found
}

/** What an index keeps: its membership, under this name, and lists, under a dot and the name of their field. */
const MEMBERS = ''

/** The name under which an index keeps what a readable asks for. */
function keptAs(readable: AnyCollection | AnyList): string {
  return readable.kind === 'list' ? `.${readable.field}` : MEMBERS
}
