import { EntryItem, entryOfValue } from './entries.ts'
import { StmError } from './errors.ts'
import { memberPrefix } from './family.ts'
import type { Intent } from './policy.ts'
import type { AnyList, AnyRef } from './ref.ts'
import type { SortedSet } from './sorted.ts'
import { missing } from './write.ts'

/** How many items on each side of an insertion are looked at, and can be given new keys when there is no room. Part of `List.keysFor`. */
const NEIGHBOURS = 64

/** Keys of this length are a sign that a place in a list has been inserted at again and again. */
const LONG_KEY = 128

/** What placing needs of the transaction that it is a part of. */
export interface PlacingSide {
  /** What keys are made of that nobody else makes. */
  readonly seed: string
  value(ref: AnyRef): unknown
  /** The sorted set of the list as it is now: from here on the transaction depends on it. */
  set(): SortedSet
}

/** The writes that put members into a list, one after the other at an index. Throws `StmError` when they cannot stand there. */
export function placesFor(
  list: AnyList,
  members: readonly AnyRef[],
  index: number | undefined,
  side: PlacingSide,
): readonly (readonly [AnyRef, Intent])[] {
  const ids = idsOfMembers(list, members, side)
  if (ids.length === 0) return []
  const own = ids.flatMap((id, i) => entryOfValue(list, id, side.value(members[i]!)) ?? [])
  const others = side.set().change([], own)
  const at = index ?? others.size
  if (!Number.isInteger(at) || at < 0 || at > others.size) {
    throw new StmError(
      'invalid-value',
      `Index ${String(index)} is not in the list, which has ${others.size} other items. Use a whole number from 0 to ${others.size}.`,
    )
  }
  const from = Math.max(0, at - NEIGHBOURS)
  const near = others.slice(from, at + NEIGHBOURS).map((entry) => new EntryItem(entry))
  const { seed } = side
  let found = list.keysFor(near, at - from, ids.length, seed)
  // There is no room here. Re-keying finds it when it sees the whole list; that is rare, so it may cost that much.
  if (found.rekeyed.length > 0 || found.keys.some((key) => key.length >= LONG_KEY)) {
    found = list.keysFor(
      others.slice(0, others.size).map((entry) => new EntryItem(entry)),
      at,
      ids.length,
      seed,
    )
  }
  const { keys, rekeyed } = found
  return [
    ...rekeyed.map(({ id, key }) => [list.collection.at(id), placing(list, key)] as const),
    ...members.map((member, i) => [member, placing(list, keys[i]!)] as const),
  ]
}

/** The ids of members that are to stand in a list; throws when one cannot. */
function idsOfMembers(list: AnyList, members: readonly AnyRef[], side: PlacingSide): string[] {
  const prefix = memberPrefix(list)
  const seen = new Set<string>()
  for (const member of members) {
    if (!member.key.startsWith(prefix)) {
      throw new StmError(
        'invalid-write',
        `"${member.address}" is not a member of "${list.collection.name}", so it cannot stand in a list of that collection.`,
      )
    }
    if (seen.has(member.key)) {
      throw new StmError('invalid-write', `"${member.address}" is to be moved twice at once. Name each member once.`)
    }
    seen.add(member.key)
    if (side.value(member) === undefined) throw missing(member)
  }
  return members.map(({ key }) => key.slice(prefix.length))
}

function placing({ field, parent }: AnyList, key: string): Intent {
  return { kind: 'patch', fields: { [field]: { parent, key } } }
}
