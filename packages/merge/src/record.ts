import {
  checkMemberId,
  checkName,
  idRange,
  listKey,
  makeRef,
  memberRefs,
  membersKey,
  noOptions,
  positionRange,
  refOptions,
  sorting,
  StmError,
  type Arbiter,
  type Collection,
  type List,
  type Place,
  type Policy,
  type PolicyRef,
  type Range,
  type RangeBounds,
  type Ref,
  type PlainOptions,
  type RefOptions,
  type StandardSchema,
} from '@syncline/stm'
import {
  recordSpec,
  type Fields,
  type Narrowed,
  type PlaceNames,
  type RecordPatch,
  type RecordSpec,
  type RecordValue,
} from './fields.ts'
import { keysFor } from './keys.ts'
import { editRecord, finishRecord, openDraft, type RecordDraft } from './record-draft.ts'
import { lensOf } from './lens.ts'
import { liftedRecord } from './record-lens.ts'
import { distillRecord } from './record-distill.ts'
import { bornRecords } from './record-rows.ts'
import { recordReversal } from './record-reversal.ts'
import { applyRecord, buildView, contentOf, type RecordState } from './record-state.ts'
import { PLACE } from './shape.ts'

/** Fields that merge each by itself, for one record and for the members of collections. */
const policy: Policy<unknown, RecordState, RecordDraft> = {
  tag: 'record',

  // A state that is not there stays away when an operation makes no sense.
  apply: (state, payload, stamp) => applyRecord(state, payload, stamp)!,

  read(state, ref) {
    const spec = specOf(ref)
    if (spec.member) return state?.exists ? state.view(spec) : undefined
    return state === undefined || state.deleted !== undefined ? initialView(spec) : state.view(spec)
  },

  distill: distillRecord,

  // Collections are made below, and only there.
  born: (rows, spec) => bornRecords(rows, spec as RecordSpec | undefined),

  content: contentOf,

  problems(state, ref) {
    const { problem } = liftedRecord(state, specOf(ref).lens)
    return problem === undefined ? [] : [{ message: problem, path: [] }]
  },

  draft: (state, ref) => openDraft(state, specOf(ref)),

  edit: (draft, intent, ref) => editRecord(draft, intent, ref, specOf(ref)),

  readDraft: (draft, ref) => draft.read(specOf(ref)),

  finish: (draft, ref) => finishRecord(draft, specOf(ref)),

  exists: (state) => state?.exists === true,

  place(state, field) {
    if (state === undefined) return undefined
    const slot = state.shape.slot(PLACE, field)
    return slot < 0 ? undefined : (state.at(slot) as Place | undefined)
  },

  reversal: recordReversal,
}

function specOf(ref: PolicyRef): RecordSpec {
  // Refs of this policy are made below, and only there.
  return ref.spec as RecordSpec
}

const initialViews = new WeakMap<RecordSpec, unknown>()

function initialView(spec: RecordSpec): unknown {
  let view = initialViews.get(spec)
  if (view === undefined) initialViews.set(spec, (view = buildView(spec, ({ initial }) => initial)))
  return view
}

/** The writes of a record. */
export type RecordWrites<F extends Fields> = {
  readonly set: RecordValue<F>
  /** All fields, or those that were edited. Counts get the difference added; places come along unchanged. */
  readonly merge: Partial<RecordValue<F>>
  readonly patch: RecordPatch<F>
  readonly add: true
}

/** What an app may say about how members are deleted. */
export interface DeleteOptions {
  /**
   * What a delete does to what others write at the same time. `delete`, the default: it wins, and nothing is kept of the member. `keep`: it
   * loses against every edit that it had not seen, a move included, and the whole member is there again, with all its fields. A deleted member
   * then keeps its fields, and each delete tells what it has seen of them: some bytes for each field, and for each writer of a count.
   */
  readonly onConcurrentEdit?: 'delete' | 'keep'
}

/** The writes of a member of a collection. */
export type MemberWrites<F extends Fields> = RecordWrites<F> & {
  readonly create: RecordPatch<F>
  readonly delete: true
}

/** A collection with declared fields. */
export interface RecordCollection<F extends Fields, A extends Arbiter = 'local'> extends Collection<
  RecordValue<F>,
  MemberWrites<F>,
  A
> {
  /** The members whose ids begin with a prefix, or lie between two. Reads as their ids. */
  range(bounds: RangeBounds): Range
  /**
   * The list of the members that stand under `parent`, by the place `field`; a collection with one place need not say which.
   * The list of the root, `''`, when no parent is named. Cost: constant; the members are looked up when it is read.
   */
  list(parent?: string, field?: PlaceNames<F>): RecordList<F, A>
}

/** A list of the members of a collection with declared fields. */
export interface RecordList<F extends Fields, A extends Arbiter = 'local'> extends List<
  RecordValue<F>,
  MemberWrites<F>,
  A
> {
  /** The items at positions from `from` up to `to`, `to` not included. Reads as their ids. */
  slice(from: number, to?: number): Range
}

/**
 * A record that always exists: of two concurrent writes to one field the later wins, writes to different fields are both kept.
 *
 * Fields are declared by what they start with, or by `field`, `optional`, `count`, `place`. What newer code added to the record is kept
 * and not shown. Throws `StmError` `invalid-address` or `invalid-value` for a name or declaration that cannot be one.
 *
 * @example
 * import { count, optional, record } from '@syncline/merge'
 *
 * const settings = record('settings', { theme: 'light', zoom: 1, lastOpened: optional<string>(), starts: count() })
 * expect(settings.key).toBe('record settings')
 */
export function record<F extends Fields, S extends StandardSchema, A extends Arbiter = 'local'>(
  name: string,
  fields: F,
  options: RefOptions<A> & { readonly schema: S },
): Ref<RecordValue<Narrowed<F, S>>, RecordWrites<Narrowed<F, S>>, A>
export function record<F extends Fields, A extends Arbiter = 'local'>(
  name: string,
  fields: F,
  options?: PlainOptions<A>,
): Ref<RecordValue<F>, RecordWrites<F>, A>
export function record<F extends Fields, A extends Arbiter = 'local'>(
  name: string,
  fields: F,
  options?: RefOptions<A>,
): Ref<RecordValue<F>, RecordWrites<F>, A> {
  const spec = recordSpec(name, fields, false, options === undefined ? undefined : lensOf(name, options))
  return makeRef<RecordValue<F>, RecordWrites<F>, A>(policy as Policy, checkName(name), spec, options)
}

/**
 * A typed family of records that come and go, each under an id of yours.
 *
 * `at(id)` is the ref of one member, `list(parent)` the members that stand under a parent, in their order. Deleting wins over
 * concurrent writes, unless `onConcurrentEdit` says `keep`; creating a deleted member again starts it anew. Throws as `record` does, and
 * `invalid-options`.
 *
 * @example
 * import { collection, place } from '@syncline/merge'
 *
 * const cards = collection('cards', { title: '', done: false, at: place() })
 * expect(cards.at('c1').address).toBe('cards/c1')
 * expect(cards.list('todo').field).toBe('at')
 */
export function collection<F extends Fields, S extends StandardSchema, A extends Arbiter = 'local'>(
  name: string,
  fields: F,
  options: RefOptions<A> & DeleteOptions & { readonly schema: S },
): RecordCollection<Narrowed<F, S>, A>
export function collection<F extends Fields, A extends Arbiter = 'local'>(
  name: string,
  fields: F,
  options?: PlainOptions<A> & DeleteOptions,
): RecordCollection<F, A>
export function collection<F extends Fields, A extends Arbiter = 'local'>(
  name: string,
  fields: F,
  said: RefOptions<A> & DeleteOptions = noOptions,
): RecordCollection<F, A> {
  const options = refOptions(name, said)
  const spec = recordSpec(checkName(name), fields, true, lensOf(name, options), isKeeping(name, options))
  const places = spec.fields.filter(({ kind }) => kind === 'place').map((place) => place.name)

  function list(parent = '', field?: string): RecordList<F, A> {
    const by = field ?? (places.length === 1 ? places[0]! : undefined)
    if (by === undefined || !places.includes(by)) throw noPlace(name, field, places)
    if (parent !== '') checkMemberId(parent)
    const made: RecordList<F, A> = Object.freeze<RecordList<F, A>>({
      kind: 'list',
      key: listKey(policy.tag, name, by, parent, options.arbiter),
      collection: self,
      field: by,
      parent,
      keysFor,
      slice: (from, to) => positionRange(made, from, to),
    })
    return made
  }

  const self: RecordCollection<F, A> = Object.freeze<RecordCollection<F, A>>({
    kind: 'collection',
    key: membersKey(policy.tag, name, options.arbiter),
    name,
    policy: policy as Policy,
    spec,
    options,
    sorting,
    at: memberRefs(policy as Policy, name, spec, options),
    range: (bounds) => idRange(self, bounds),
    list,
  })
  return self
}

function isKeeping(name: string, { onConcurrentEdit = 'delete' }: DeleteOptions): boolean {
  if (onConcurrentEdit === 'keep' || onConcurrentEdit === 'delete') return onConcurrentEdit === 'keep'
  throw new StmError(
    'invalid-options',
    `onConcurrentEdit of "${name}" is ${JSON.stringify(onConcurrentEdit)}. Say "delete", and a delete wins over what others write at the same time, or "keep".`,
  )
}

function noPlace(name: string, field: string | undefined, places: readonly string[]): StmError {
  const has =
    places.length === 0 ? 'no place at all: declare one, as in { at: place() }' : `the places ${places.join(', ')}`
  return new StmError(
    'invalid-write',
    field === undefined
      ? `A list of "${name}" must say by which place, as in list(parent, 'field'). The collection has ${has}.`
      : `"${name}" has no place ${JSON.stringify(field)}. It has ${has}.`,
  )
}
