import type { Arbiter } from './change.ts'
import { StmError } from './errors.ts'
import { Location } from './location.ts'
import { checkInitial, noOptions, refOptions } from './options.ts'
import type { Policy, PolicyRef } from './policy.ts'
import type { StandardSchema } from './schema.ts'
import type { Sorting } from './sorting.ts'

/** The identity of a cell: the policy's tag and the address. The same name under another policy is another ref. */
export type CellKey = string & { readonly __cell?: never }

/** Anything a Snapshot can be asked for: a ref, a collection, a list, a range of either. `V` is what comes back. */
export interface Readable<V> {
  readonly key: CellKey
  readonly kind: 'ref' | 'collection' | 'list' | 'range'
  /** Carries the type only. */
  readonly __value?: () => V
}

/** The writes a ref takes, by name: `{ set: string }`, `{ add: true }`. Carries types only. */
export interface Writes {
  readonly set?: unknown
  readonly merge?: unknown
  readonly patch?: unknown
  readonly create?: unknown
  readonly add?: true
  readonly delete?: true
  readonly insert?: unknown
  readonly remove?: true
  /** What goes into a set, and out of it. */
  readonly include?: unknown
  readonly move?: true
  readonly edit?: unknown
}

/** What an app may say about a ref beside its name and its initial value. */
export interface RefOptions<A extends Arbiter = Arbiter> {
  /** Who serialises its commits. Default `local`: this tab's memory, and the writes of others merge. */
  readonly arbiter?: A
  /**
   * What a transaction that awaits does when the ref has moved since its body began: `rerun`, the default, runs the body again; `merge`
   * commits what it wrote as if it had been written at the same time by somebody else, by the rules of the ref's policy.
   */
  readonly onConflict?: 'rerun' | 'merge'
  /**
   * What its values, or those of the members of a collection, must be: a schema of zod, valibot, arktype or another library of the Standard
   * Schema, that answers at once. It judges and does not change: what it would turn a value into is not stored. Transactions that would
   * leave another value are refused with `validation-failed`. Merges are not: what they leave is told by `read` and `onViolation`.
   */
  readonly schema?: StandardSchema
  /**
   * How many bytes the encoded value, or that of each member of a collection, may take. A transaction that would leave more is refused
   * with `too-large-for-ref`, a merge is not. What a ref reads while nobody has written may have any size.
   */
  readonly maxBytes?: number
  /**
   * Which version of its values this code reads and writes, from 1 on; 1 when nothing is said. For registers, groups, records and collections. What is
   * stored at an earlier one is read through `upgrade`; what is stored at a later one can be read as it is, and not be written (`read-only-newer`).
   */
  readonly version?: number
  /** How each version from 2 on is made of the one before, and what older code is to read: `{ 2: { up, down } }`. */
  readonly upgrade?: { readonly [version: number]: UpgradeStep }
  /**
   * `persistent`, the default: it stays. `transient`, for `browser` refs only: its value goes when the last handle on it in this browser is
   * closed, or its tab has died; who opens it then begins with the initial value.
   */
  readonly persistence?: A extends 'browser' ? 'persistent' | 'transient' : 'persistent'
}

/** How a value becomes one of the next version, and back. Pure functions over plain data. */
export interface UpgradeStep {
  /** What the version before becomes. Of a record: its fields, those that nobody has written and those that nobody here knows included as they are. */
  // What older code has written has no type in this code any more.
  up(old: any): unknown
  /**
   * What the version before is to read. Give back all that `up` needs to make the same again, and what you do not know. Without it what is
   * written is of the new version, and code that only knows older ones cannot write there.
   */
  down?(value: any): unknown
}

/** Options without a schema: where there is one, the type of the values follows from it. */
export type PlainOptions<A extends Arbiter = Arbiter> = RefOptions<A> & { readonly schema?: undefined }

/** A typed address plus policies. It holds no value: read it from a Snapshot, write it in a transaction. */
export interface Ref<V = unknown, W extends Writes = Writes, A extends Arbiter = 'local'>
  extends Readable<V>, PolicyRef {
  readonly kind: 'ref'
  readonly policy: Policy
  readonly arbiter: A
  readonly options: RefOptions
  /** Carries the type only. */
  readonly __writes?: W
}

/** A ref of whatever type, with whatever arbiter. */
export type AnyRef = Ref<unknown, Writes, Arbiter>

/** A typed family of refs with membership. Reads as the ids of its members, in ascending order of their UTF-16 code units. */
export interface Collection<V = unknown, W extends Writes = Writes, A extends Arbiter = 'local'> extends Readable<
  readonly string[]
> {
  readonly kind: 'collection'
  readonly name: string
  readonly policy: Policy
  readonly spec: unknown
  readonly options: RefOptions
  /** The code that keeps it sorted: `sorting`. */
  readonly sorting: Sorting
  /** The ref of one member, whether it exists or not. It reads as undefined while it does not exist. */
  at(id: string): Ref<V | undefined, W, A>
}

/**
 * A sorted view of a collection: the members whose place register `field` names `parent`, by (sort key, id).
 * Reads as their ids. A member has one place, so it is in one list at most.
 */
export interface List<V = unknown, W extends Writes = Writes, A extends Arbiter = 'local'> extends Readable<
  readonly string[]
> {
  readonly kind: 'list'
  readonly collection: Collection<V, W, A>
  readonly field: string
  readonly parent: string
  /**
   * Sort keys for `count` items that go before `entries[index]`, ascending, made unique by `seed`, contiguous whatever others insert.
   * Neighbours between which there is no room get new keys too: `rekeyed`. `entries` are all items of the list, or on a side where there
   * are more the nearest 64; their keys are what others sent, so they may be equal or make no sense. Deterministic.
   */
  keysFor(entries: readonly ListItem[], index: number, count: number, seed: string): ListKeys
}

/** A collection of whatever type, with whatever arbiter. */
export type AnyCollection = Collection<unknown, Writes, Arbiter>

/** A list of whatever type, with whatever arbiter. */
export type AnyList = List<unknown, Writes, Arbiter>

/**
 * A part of a collection by ids, or of a list by positions. Reads as the ids in it, in order: a transaction that read a part is only
 * disturbed by what comes into this part, leaves it or moves in it.
 */
export interface Range extends Readable<readonly string[]> {
  readonly kind: 'range'
  readonly of: AnyCollection | AnyList
  /** The first id, or the first position. */
  readonly from: string | number
  /** The id or position after the last; undefined: to the end. */
  readonly to: string | number | undefined
}

/** Which ids: those that begin with `prefix`, or those from `from` up to `to`, `to` not included. */
export type RangeBounds =
  | { readonly prefix: string }
  | { readonly prefix?: undefined; readonly from?: string; readonly to?: string }

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
/** Ids up to this length are looked at unit by unit: to ask a regular expression costs as much as thirty of them. */
const SHORT = 64
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

/**
 * Whether this can be the id of a member.
 *
 * @example
 * expect([isMemberId('Zürich/8001'), isMemberId(''), isMemberId(7)]).toEqual([true, false, false])
 */
export function isMemberId(id: unknown): id is string {
  return typeof id === 'string' && id.length > 0 && id.length <= 512 && isFitForId(id)
}

/** Whether each of these can be. Cost: less than to ask of one after the other. */
export function areMemberIds(ids: readonly string[]): boolean {
  // A space keeps halves of pairs apart.
  return ids.every(({ length }) => length > 0 && length <= 512) && !UNFIT_FOR_ID.test(ids.join(' '))
}

function isFitForId(id: string): boolean {
  if (id.length > SHORT) return !UNFIT_FOR_ID.test(id)
  for (let i = 0; i < id.length; i++) {
    const unit = id.charCodeAt(i)
    if (unit < 0x20 || unit === 0x7f || (unit & 0xf800) === 0xd800) return !UNFIT_FOR_ID.test(id)
  }
  return true
}

/** Whether this can be the tag of a policy: it stands before a space in keys, where the words of derived cells are taken. */
export function isTag(tag: unknown): tag is string {
  return typeof tag === 'string' && TAG.test(tag) && tag !== MEMBERS && tag !== LIST_OF && tag !== RANGE
}

const TAG = /^[A-Za-z0-9_-]{1,32}$/
const MEMBERS = 'members'
const LIST_OF = 'list-of'
const RANGE = 'range-of'

/** Whether a cell holds what follows from others: the members of a collection, or a list. */
export function isDerived(key: CellKey): boolean {
  return key.startsWith(`${MEMBERS} `) || key.startsWith(`${LIST_OF} `)
}

/** What the key of a cell begins with, when it is that of a member of a collection. */
export function prefixIn(key: CellKey): string {
  const slash = key.indexOf('/')
  return slash < 0 || isDerived(key) ? '' : key.slice(0, slash + 1)
}

/**
 * The identity of the cell that a policy keeps for an address. What the browser or a relay decides about has cells of its own: nobody
 * writes them by an operation that was not decided about.
 *
 * @example
 * expect(cellKey('lww', 'title')).toBe('lww title')
 * expect(cellKey('lww', 'title', 'relay')).toBe('lww@relay title')
 */
export function cellKey(tag: string, address: string, arbiter: Arbiter = 'local'): CellKey {
  return `${cellTag(tag, arbiter)} ${address}`
}

/** No tag of a policy has an `@`. */
function cellTag(tag: string, arbiter: Arbiter): string {
  return arbiter === 'local' ? tag : `${tag}@${arbiter}`
}

/**
 * The identity of the membership of a collection: what a watcher of the collection watches.
 *
 * @example
 * const cards = cardsOf('cards')
 * expect(membersKey(cards.policy.tag, 'cards')).toBe(cards.key)
 */
export function membersKey(tag: string, collection: string, arbiter: Arbiter = 'local'): CellKey {
  return `${MEMBERS} ${cellTag(tag, arbiter)} ${collection}`
}

/**
 * The identity of one list of a collection: what a watcher of the list watches.
 *
 * @example
 * const todo = cardsOf('cards').list('todo')
 * expect(listKey(todo.collection.policy.tag, 'cards', todo.field, 'todo')).toBe(todo.key)
 */
export function listKey(
  tag: string,
  collection: string,
  field: string,
  parent: string,
  arbiter: Arbiter = 'local',
): CellKey {
  return `${LIST_OF} ${cellTag(tag, arbiter)} ${collection} ${JSON.stringify(field)} ${parent}`
}

/**
 * Makes a ref. Apps use the makers of `@syncline/merge` and `@syncline/yjs`; a new policy calls this. Refs with equal keys are the same
 * ref; `spec` must then be the same too. Throws `StmError` `invalid-options`, and `validation-failed` when the ref would begin with what its
 * schema does not take.
 *
 * @example
 * const { policy } = register('title', '')
 * const title = makeRef(policy, 'title', { initial: '' })
 * expect(title.key).toBe('register title')
 */
export function makeRef<V, W extends Writes, A extends Arbiter = 'local'>(
  policy: Policy<V>,
  address: string,
  spec: unknown,
  said: RefOptions<A> = noOptions as RefOptions<A>,
): Ref<V, W, A> {
  const options = refOptions(address, said)
  // Without an arbiter in the options the type argument is its default.
  const arbiter = options.arbiter ?? ('local' as A)
  const key = cellKey(policy.tag, address, arbiter)
  const prefix = prefixIn(key)
  const location = new Location(prefix, prefix === '' ? key : key.slice(prefix.length))
  const ref: Ref<V, W, A> = Object.freeze(new MadeRef<V, W, A>(key, policy, address, spec, arbiter, options, location))
  checkInitial(ref)
  return ref
}

/**
 * Makes the refs of the members of a collection, by their ids. As `makeRef` for the address `name/id`, without looking for either in the other.
 *
 * @example
 * import { memberRefs } from '@syncline/stm'
 *
 * const { policy } = register('card', null)
 * const at = memberRefs(policy, 'cards', { initial: null }, {})
 * expect([at('a').address, at('a').key]).toEqual(['cards/a', 'register cards/a'])
 */
export function memberRefs<V, W extends Writes, A extends Arbiter = 'local'>(
  policy: Policy<V>,
  name: string,
  spec: unknown,
  said: RefOptions<A>,
): (id: string) => Ref<V, W, A> {
  const options = refOptions(name, said)
  const arbiter = options.arbiter ?? ('local' as A)
  const before = `${name}/`
  const prefix = cellKey(policy.tag, before, arbiter)
  return (id) => {
    const location = new Location(prefix, checkMemberId(id))
    const ref: Ref<V, W, A> = Object.freeze(
      new MadeRef<V, W, A>(prefix + id, policy, before + id, spec, arbiter, options, location),
    )
    if (options.schema !== undefined) checkInitial(ref)
    return ref
  }
}

/** A class, for what a ref knows beside what is to be seen. */
class MadeRef<V, W extends Writes, A extends Arbiter> implements Ref<V, W, A> {
  readonly kind = 'ref'
  readonly key: CellKey
  readonly policy: Policy
  readonly address: string
  readonly spec: unknown
  readonly arbiter: A
  readonly options: RefOptions
  readonly #location: Location

  constructor(
    key: CellKey,
    policy: Policy,
    address: string,
    spec: unknown,
    arbiter: A,
    options: RefOptions,
    location: Location,
  ) {
    this.key = key
    this.policy = policy
    this.address = address
    this.spec = spec
    this.arbiter = arbiter
    this.options = options
    this.#location = location
  }

  static locationOf(ref: Located): Location {
    if (#location in ref) return ref.#location
    const prefix = prefixIn(ref.key)
    return new Location(prefix, prefix === '' ? ref.key : ref.key.slice(prefix.length))
  }
}

/** What has the key of a cell. */
export interface Located {
  readonly key: CellKey
}

/** Where the cell of a ref is. */
export const locationOf: (ref: Located) => Location = MadeRef.locationOf

/**
 * The members of a collection whose ids lie between bounds, compared by UTF-16 code units. Cost of reading it: what it holds.
 *
 * @example
 * import { idRange } from '@syncline/stm'
 *
 * const cards = cardsOf('cards')
 * expect(idRange(cards, { prefix: 'a/' })).toMatchObject({ from: 'a/', to: 'a0' })
 */
export function idRange(of: AnyCollection, bounds: RangeBounds): Range {
  const { from = '', to } =
    bounds.prefix === undefined ? bounds : { from: bounds.prefix, to: afterPrefix(bounds.prefix) }
  return Object.freeze({ kind: 'range', key: `${RANGE} ${JSON.stringify([from, to ?? null])} ${of.key}`, of, from, to })
}

/**
 * The items of a list at positions from `from` up to `to`, `to` not included. Throws `StmError` `invalid-value` for what is no position.
 *
 * @example
 * import { positionRange } from '@syncline/stm'
 *
 * const firstTen = positionRange(cardsOf('cards').list('todo'), 0, 10)
 * expect(firstTen).toMatchObject({ kind: 'range', from: 0, to: 10 })
 */
export function positionRange(of: AnyList, from: number, to?: number): Range {
  for (const position of [from, to ?? 0]) {
    if (Number.isSafeInteger(position) && position >= 0) continue
    throw new StmError('invalid-value', `${String(position)} is no position in a list. Use whole numbers from 0 on.`)
  }
  return Object.freeze({ kind: 'range', key: `${RANGE} ${JSON.stringify([from, to ?? null])} ${of.key}`, of, from, to })
}

/** The least string that is greater than all that begin with `prefix`; undefined when there is none. */
function afterPrefix(prefix: string): string | undefined {
  for (let end = prefix.length; end > 0; end--) {
    const unit = prefix.charCodeAt(end - 1)
    if (unit < 0xffff) return prefix.slice(0, end - 1) + String.fromCharCode(unit + 1)
  }
  return undefined
}
