import type { Group } from './family.ts'
import type { Place, Policy } from './policy.ts'
import { isMemberId, type AnyCollection, type AnyList, type CellKey, type ListItem, type Range } from './ref.ts'
import type { SortedSet } from './sorted.ts'

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

/** The ids that a group reads in the sorted set of its collection or list. The same array for the same set. */
export function idsIn(group: Group, set: SortedSet): readonly string[] {
  return group.kind === 'range' ? idsInRange(group, set) : idsOf(group, set)
}

function idsOf(readable: AnyCollection | AnyList, set: SortedSet): readonly string[] {
  if (readable.kind === 'collection') return set.items()
  let ids = listIds.get(set)
  if (ids === undefined) listIds.set(set, (ids = Object.freeze(set.items().map(idIn))))
  return ids
}

function idsInRange(range: Range, set: SortedSet): readonly string[] {
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

/** The change of one sorted set: what comes into it, and what goes. */
export interface Moves {
  readonly added: string[]
  readonly removed: string[]
}

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
