import type { Arbiter } from './change.ts'
import type { Policy } from './policy.ts'
import {
  cellKey,
  listKey,
  membersKey,
  type AnyCollection,
  type AnyList,
  type AnyRef,
  type CellKey,
  type Range,
  type Readable,
} from './ref.ts'
import type { Sorting } from './sorting.ts'

/** What reads as the ids of members. */
export type Group = AnyCollection | AnyList | Range

/** The collection or list that a group is, or is a part of. */
export function familyIn(group: Group): AnyCollection | AnyList {
  return group.kind === 'range' ? group.of : group
}

/**
 * Who serialises the commits of what is behind a readable.
 *
 * @example
 * import { arbiterOf } from '@syncline/stm'
 *
 * expect(arbiterOf(register('note', ''))).toBe('local')
 */
export function arbiterOf(readable: Readable<unknown>): Arbiter {
  // The kind tells which of the readables it is.
  if (readable.kind === 'ref') return (readable as AnyRef).arbiter
  return collectionOf(familyIn(readable as Group)).options.arbiter ?? 'local'
}

/**
 * The policy behind a readable.
 *
 * @example
 * import { policyOf } from '@syncline/stm'
 *
 * const cards = cardsOf('cards')
 * expect(policyOf(cards.list('todo'))).toBe(cards.policy)
 */
export function policyOf(readable: Readable<unknown>): Policy {
  // The kind tells which of the readables it is.
  if (readable.kind === 'ref') return (readable as AnyRef).policy
  return collectionOf(familyIn(readable as Group)).policy
}

/** The code that a group has brought along. */
export function sortingOf(group: Group): Sorting {
  return collectionOf(familyIn(group)).sorting
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

/** The key of the cell that holds the sorted set of a readable. */
export function sortedKey(readable: AnyCollection | AnyList): CellKey {
  const { policy, name, options } = collectionOf(readable)
  if (readable.kind === 'collection') return membersKey(policy.tag, name, options.arbiter)
  return listKey(policy.tag, name, readable.field, readable.parent, options.arbiter)
}
