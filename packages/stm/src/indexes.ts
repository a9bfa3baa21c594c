import type { Arbiter } from './change.ts'
import type { Place, Policy } from './policy.ts'
import {
  cellKey,
  isMemberId,
  listKey,
  membersKey,
  type CellKey,
  type AnyCollection,
  type AnyList,
  type ListItem,
  type Range,
} from './ref.ts'
import { sortedSet, type SortedSet } from './sorted.ts'
import type { Version } from './versions.ts'

/** Between the sort key and the id in an entry of a list: less than every character of either. */
const SEPARATOR = '\u0000'

/** The entry of an item in the sorted set of its list: entries sort by (key, id). A key of others may hold anything, also the separator. */
export function listEntry(key: string, id: string): string {
  return (key.includes(SEPARATOR) ? key.replaceAll(SEPARATOR, '') : key) + SEPARATOR + id
}

/** The item that an entry of a list stands for, taken apart when somebody looks: of many neighbours most are not looked at. */
export class EntryItem implements ListItem {
  readonly #entry: string

  constructor(entry: string) {
    this.#entry = entry
  }

  get key(): string {
    return this.#entry.slice(0, this.#entry.indexOf(SEPARATOR))
  }

  get id(): string {
    return idIn(this.#entry)
  }
}

function idIn(entry: string): string {
  return entry.slice(entry.indexOf(SEPARATOR) + 1)
}

/** What all members of one collection have in common; `policy` is the one that is used in this memory. */
export interface Family {
  readonly tag: string
  readonly arbiter: Arbiter
  readonly name: string
  readonly policy: Policy
}

/** The family that a collection or list belongs to. */
export function familyOf(readable: AnyCollection | AnyList, policy: Policy): Family {
  const { name, options } = collectionOf(readable)
  return { tag: policy.tag, arbiter: options.arbiter ?? 'local', name, policy }
}

/** What the keys of all members of a collection begin with, and the keys of no other cell. */
export function memberPrefix(readable: AnyCollection | AnyList): string {
  const { policy, name, options } = collectionOf(readable)
  return cellKey(policy.tag, `${name}/`, options.arbiter)
}

/** The collection that a readable is, or lists members of. */
export function collectionOf(readable: AnyCollection | AnyList): AnyCollection {
  return readable.kind === 'list' ? readable.collection : readable
}

/** The prefix of the family that a cell may belong to; undefined when it belongs to none. */
export function prefixOf(key: CellKey): string | undefined {
  const slash = key.indexOf('/')
  return slash < 0 ? undefined : key.slice(0, slash + 1)
}

/** The sorted sets kept for one family: its membership, and its lists by the fields that were asked for. */
export interface Index {
  readonly family: Family
  /** The version at which the membership, or the lists of a field, came under care. */
  readonly since: Map<string, number>
  /** What was found in versions older than that. */
  readonly searched: WeakMap<Version, Map<string, ReadonlyMap<CellKey, SortedSet>>>
}

/** The change of one derived cell: what comes into its sorted set, and what goes. */
export interface Moves {
  readonly added: string[]
  readonly removed: string[]
}

/**
 * Collects into `moves` what becomes of a family's sorted sets when one member goes from one state to another.
 *
 * What others sent may name a member that nobody could have made here: such ids are in no collection, so that every id can be used.
 */
export function collectMoves(
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
      const move = movesOf(moves, membersKey(family.tag, family.name, family.arbiter))
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

/** What stands for a member with this state in the sorted set of a readable; undefined when it is not in it. */
export function entryOfState(
  readable: AnyCollection | AnyList,
  policy: Policy,
  id: string,
  state: unknown,
): string | undefined {
  if (policy.exists?.(state) !== true || !isMemberId(id)) return undefined
  return readable.kind === 'list' ? placedEntry(readable, id, policy.place?.(state, readable.field)) : id
}

/** The same for the value that a transaction reads of a member. By the laws of `Policy` it says the same as the state will. */
export function entryOfValue(readable: AnyCollection | AnyList, id: string, value: unknown): string | undefined {
  if (value === undefined || !isMemberId(id)) return undefined
  if (readable.kind === 'collection') return id
  return placedEntry(readable, id, (value as Readonly<Record<string, Place | undefined>>)[readable.field])
}

function placedEntry(list: AnyList, id: string, place: Place | undefined): string | undefined {
  return place?.parent === list.parent ? listEntry(place.key, id) : undefined
}

function movesOf(moves: Map<CellKey, Moves>, key: CellKey): Moves {
  let found = moves.get(key)
  if (found === undefined) moves.set(key, (found = { added: [], removed: [] }))
  return found
}

/** What an index keeps: its membership, under this name, and lists, under a dot and the name of their field. */
export const MEMBERS = ''

/** The name under which an index keeps what a readable asks for. */
export function keptAs(readable: AnyCollection | AnyList): string {
  return readable.kind === 'list' ? `.${readable.field}` : MEMBERS
}

/** The key of the cell that holds the sorted set of a readable. */
export function sortedKey(readable: AnyCollection | AnyList): CellKey {
  const { policy, name, options } = collectionOf(readable)
  if (readable.kind === 'collection') return membersKey(policy.tag, name, options.arbiter)
  return listKey(policy.tag, name, readable.field, readable.parent, options.arbiter)
}

/** The ids in the sorted set of a readable, ascending. The same array for the same set. */
export function idsOf(readable: AnyCollection | AnyList, set: SortedSet): readonly string[] {
  if (readable.kind === 'collection') return set.items()
  let ids = listIds.get(set)
  if (ids === undefined) listIds.set(set, (ids = Object.freeze(set.items().map(idIn))))
  return ids
}

/** The ids in a part of a sorted set. The same array for the same part of the same set. */
export function idsInRange(range: Range, set: SortedSet): readonly string[] {
  let known = rangeIds.get(set)
  if (known === undefined) rangeIds.set(set, (known = new Map()))
  let ids = known.get(range.key)
  if (ids === undefined) known.set(range.key, (ids = Object.freeze(entriesInRange(range, set))))
  return ids
}

function entriesInRange({ of, from, to }: Range, set: SortedSet): readonly string[] {
  // A range of a collection has ids as bounds, one of a list positions.
  const start = typeof from === 'string' ? set.rank(from) : from
  const end = typeof to === 'string' ? set.rank(to) : (to ?? set.size)
  const entries = set.slice(start, end)
  return of.kind === 'collection' ? entries : entries.map(idIn)
}

const rangeIds = new WeakMap<SortedSet, Map<CellKey, readonly string[]>>()

const listIds = new WeakMap<SortedSet, readonly string[]>()

/**
 * Whether a list has the same ids in the same order after a change, in which only sort keys moved; then it reads as the same array too.
 * Items that come back to the position they left, all of them, leave the others in theirs.
 */
export function keepsIds(before: SortedSet, after: SortedSet, { added, removed }: Moves): boolean {
  if (added.length === 0 || added.length !== removed.length) return false
  const left = new Map(removed.map((entry) => [idIn(entry), entry]))
  for (const entry of added) {
    const old = left.get(idIn(entry))
    if (old === undefined || before.rank(old) !== after.rank(entry)) return false
  }
  const ids = listIds.get(before)
  if (ids !== undefined) listIds.set(after, ids)
  return true
}

/** The sorted set of nothing. */
export const noItems: SortedSet = sortedSet()
