import type { Arbiter } from './change.ts'
import { StmError } from './errors.ts'
import type { Policy, PolicyRef } from './policy.ts'

/** The identity of a cell: the policy's tag and the address. The same name under another policy is another ref. */
export type CellKey = string & { readonly __cell?: never }

/** Anything a Snapshot can be asked for: a ref, a collection, a list. `V` is what comes back. */
export interface Readable<V> {
  readonly key: CellKey
  readonly kind: 'ref' | 'collection' | 'list'
  /** Carries the type only. */
  readonly __value?: () => V
}

/** The writes a ref takes, by name: `{ set: string }`, `{ add: true }`. Carries types only. */
export interface Writes {
  readonly set?: unknown
  readonly patch?: unknown
  readonly create?: unknown
  readonly add?: true
  readonly delete?: true
  readonly insert?: unknown
  readonly remove?: true
  readonly move?: true
}

/** A typed address plus policies. It holds no value: read it from a Snapshot, write it in a transaction. */
export interface Ref<V = unknown, W extends Writes = Writes> extends Readable<V>, PolicyRef {
  readonly kind: 'ref'
  readonly policy: Policy
  readonly arbiter: Arbiter
  /** Carries the type only. */
  readonly __writes?: W
}

/** A typed family of refs with membership. Reads as the ids of its members, in ascending order of their UTF-16 code units. */
export interface Collection<V = unknown, W extends Writes = Writes> extends Readable<readonly string[]> {
  readonly kind: 'collection'
  readonly name: string
  readonly policy: Policy
  readonly spec: unknown
  /** The ref of one member, whether it exists or not. It reads as undefined while it does not exist. */
  at(id: string): Ref<V | undefined, W>
}

/**
 * A sorted view of a collection: the members whose place register `field` names `parent`, by (sort key, id).
 * Reads as their ids. A member has one place, so it is in one list at most.
 */
export interface List<V = unknown, W extends Writes = Writes> extends Readable<readonly string[]> {
  readonly kind: 'list'
  readonly collection: Collection<V, W>
  readonly field: string
  readonly parent: string
  /**
   * Sort keys for `count` items that go before `entries[index]`, ascending, made unique by `seed`, contiguous whatever others insert.
   * Neighbours between which there is no room get new keys too: `rekeyed`. `entries` are all items of the list, or on a side where there
   * are more the nearest 64; their keys are what others sent, so they may be equal or make no sense. Deterministic.
   */
  keysFor(entries: readonly ListItem[], index: number, count: number, seed: string): ListKeys
}

/** An item of a list and its sort key. */
export interface ListItem {
  readonly id: string
  readonly key: string
}

/** The sort keys of items that are put into a list, and of neighbours that had to make room. */
export interface ListKeys {
  readonly keys: readonly string[]
  readonly rekeyed: readonly ListItem[]
}

const UNFIT_FOR_ID = /[\u0000-\u001f\u007f\p{Surrogate}]/u
const NAME = /^[A-Za-z0-9_](?:[A-Za-z0-9_.:-]{0,126}[A-Za-z0-9_])?$/

/**
 * Returns the name of a ref or collection if it can be one: 1 to 128 letters, digits, `_`, and inside also `.`, `:`, `-`.
 * Throws `StmError` `invalid-address` otherwise.
 *
 * @example
 * expect(checkName('board.title')).toBe('board.title')
 * expect(() => checkName('my board')).toThrow('"my board" cannot name a ref')
 */
export function checkName(name: string): string {
  if (typeof name === 'string' && NAME.test(name)) return name
  throw new StmError(
    'invalid-address',
    `${JSON.stringify(name)} cannot name a ref. Use 1 to 128 letters, digits and "_", and inside the name also ".", ":" and "-".`,
  )
}

/**
 * Returns the id of a member if it can be one: 1 to 512 UTF-16 code units, no control characters, no halves of surrogate pairs.
 * Throws `StmError` `invalid-address` otherwise.
 *
 * @example
 * expect(checkMemberId('Zürich/8001')).toBe('Zürich/8001')
 * expect(() => checkMemberId('')).toThrow('"" cannot be the id of a member')
 */
export function checkMemberId(id: string): string {
  if (isMemberId(id)) return id
  throw new StmError(
    'invalid-address',
    `${JSON.stringify(id)} cannot be the id of a member. Use 1 to 512 characters without control characters.`,
  )
}

/** Whether this can be the id of a member. */
export function isMemberId(id: unknown): id is string {
  return typeof id === 'string' && id.length > 0 && id.length <= 512 && !UNFIT_FOR_ID.test(id)
}

/** Whether this can be the tag of a policy: it stands before a space in keys, where the words of derived cells are taken. */
export function isTag(tag: unknown): tag is string {
  return typeof tag === 'string' && TAG.test(tag) && tag !== MEMBERS && tag !== LIST_OF
}

const TAG = /^[A-Za-z0-9_-]{1,32}$/
const MEMBERS = 'members'
const LIST_OF = 'list-of'

/**
 * The identity of the cell that a policy keeps for an address.
 *
 * @example
 * expect(cellKey('lww', 'title')).toBe('lww title')
 */
export function cellKey(tag: string, address: string): CellKey {
  return `${tag} ${address}`
}

/** The identity of the membership of a collection: what a watcher of the collection watches. */
export function membersKey(tag: string, collection: string): CellKey {
  return `${MEMBERS} ${tag} ${collection}`
}

/** The identity of one list of a collection: what a watcher of the list watches. */
export function listKey(tag: string, collection: string, field: string, parent: string): CellKey {
  return `${LIST_OF} ${tag} ${collection} ${JSON.stringify(field)} ${parent}`
}

/**
 * Makes a ref. Apps use the makers of `@syncline/merge` and `@syncline/yjs`; a new policy calls this. Refs with equal keys are the same
 * ref; `spec` must then be the same too.
 *
 * @example
 * const { policy } = register('title', '')
 * const title = makeRef(policy, 'title', { initial: '' })
 * expect(title.key).toBe('register title')
 */
export function makeRef<V, W extends Writes>(
  policy: Policy<V>,
  address: string,
  spec: unknown,
  arbiter: Arbiter = 'local',
): Ref<V, W> {
  return Object.freeze({ kind: 'ref', key: cellKey(policy.tag, address), policy, address, spec, arbiter })
}
