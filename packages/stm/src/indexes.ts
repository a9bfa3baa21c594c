import type { Policy } from './policy.ts'
import { listKey, membersKey, type CellKey, type Collection, type List } from './ref.ts'
import { sortedSet, type SortedSet } from './sorted.ts'

/** Between the sort key and the id in an entry of a list: less than every character of either. */
const SEPARATOR = '\u0000'

/** The entry of an item in the sorted set of its list: entries sort by (key, id). */
export function listEntry(key: string, id: string): string {
  return (key.includes(SEPARATOR) ? key.replaceAll(SEPARATOR, '') : key) + SEPARATOR + id
}

/** The sort key and the id in an entry of a list. */
export function splitEntry(entry: string): { readonly key: string; readonly id: string } {
  const at = entry.indexOf(SEPARATOR)
  return { key: entry.slice(0, at), id: entry.slice(at + 1) }
}

/** What all members of one collection have in common. */
export interface Family {
  readonly tag: string
  readonly name: string
  readonly policy: Policy
}

/** The family that a collection or list belongs to. */
export function familyOf(readable: Collection | List): Family {
  const collection = readable.kind === 'list' ? readable.collection : readable
  return { tag: collection.policy.tag, name: collection.name, policy: collection.policy }
}

/** What the keys of all cells of a family begin with. */
export function familyPrefix(family: Family): string {
  return `${family.tag} ${family.name}/`
}

/** The prefix of the family that a cell may belong to; undefined when it belongs to none. */
export function prefixOf(key: CellKey): string | undefined {
  const slash = key.indexOf('/')
  return slash < 0 ? undefined : key.slice(0, slash + 1)
}

/** The sorted sets kept for one family: its membership, and its lists by the fields that were asked for. */
export interface Index {
  readonly family: Family
  /** The version at which the membership, or the lists of a field, came under care; older versions are searched. */
  readonly since: Map<string, number>
}

/** The change of one derived cell: what comes into its sorted set, and what goes. */
export interface Moves {
  readonly added: string[]
  readonly removed: string[]
}

/** Collects into `moves` what becomes of a family's sorted sets when one member goes from one state to another. */
export function collectMoves(index: Index, id: string, before: unknown, after: unknown, moves: Map<CellKey, Moves>): void {
  const { family } = index
  const was = family.policy.exists?.(before) === true
  const is = family.policy.exists?.(after) === true
  for (const kept of index.since.keys()) {
    if (kept === MEMBERS) {
      if (was === is) continue
      const move = movesOf(moves, membersKey(family.tag, family.name))
      ;(is ? move.added : move.removed).push(id)
      continue
    }
    const field = kept.slice(1)
    const from = was ? family.policy.place?.(before, field) : undefined
    const to = is ? family.policy.place?.(after, field) : undefined
    if (from?.parent === to?.parent && from?.key === to?.key) continue
    if (from) movesOf(moves, listKey(family.tag, family.name, field, from.parent)).removed.push(listEntry(from.key, id))
    if (to) movesOf(moves, listKey(family.tag, family.name, field, to.parent)).added.push(listEntry(to.key, id))
  }
}

function movesOf(moves: Map<CellKey, Moves>, key: CellKey): Moves {
  let found = moves.get(key)
  if (found === undefined) moves.set(key, (found = { added: [], removed: [] }))
  return found
}

/** What an index keeps: its membership, under this name, and lists, under a dot and the name of their field. */
export const MEMBERS = ''

/** The name under which an index keeps what a readable asks for. */
export function keptAs(readable: Collection | List): string {
  return readable.kind === 'list' ? `.${readable.field}` : MEMBERS
}

/** The key of the cell that holds the sorted set of a readable. */
export function sortedKey(readable: Collection | List): CellKey {
  const { tag, name } = familyOf(readable)
  return readable.kind === 'list' ? listKey(tag, name, readable.field, readable.parent) : membersKey(tag, name)
}

/** The ids in the sorted set of a readable, ascending. The same array for the same set. */
export function idsOf(readable: Collection | List, set: SortedSet): readonly string[] {
  if (readable.kind === 'collection') return set.items()
  let ids = listIds.get(set)
  if (ids === undefined) listIds.set(set, (ids = Object.freeze(set.items().map((entry) => splitEntry(entry).id))))
  return ids
}

const listIds = new WeakMap<SortedSet, readonly string[]>()

/** The sorted set of nothing. */
export const noItems: SortedSet = sortedSet()
