import {
  checkName,
  equalValues,
  makeRef,
  StmError,
  toValue,
  type Arbiter,
  type EditContext,
  type Policy,
  type PolicyRef,
  type Ref,
  type PlainOptions,
  type RefOptions,
  type StandardSchema,
  type Value,
  type ValueOf,
} from '@syncline/stm'
import { checkNoVersion } from './lens.ts'
import { insert, move, openList, remove, type ListDraft, type Touched } from './list-draft.ts'
import { distillList } from './list-distill.ts'
import { mergeList } from './list-merge.ts'
import { listReversal } from './list-reversal.ts'
import { applyList, emptyList, INSERT, MOVE, REMOVE, type ListState } from './list-state.ts'
import { describe, noSuchWrite } from './writes.ts'

/** Values in an order that everybody may change. */
const policy: Policy<readonly Value[], ListState, ListDraft> = {
  tag: 'list',

  // A state that is not there stays away when an operation makes no sense.
  apply: (state, payload, stamp) => applyList(state, payload, stamp)!,

  read: (state) => (state ?? emptyList).view,

  distill: distillList,

  content: (state) => (state === undefined || state.order.length === 0 ? undefined : state.view),

  draft: openList,

  edit(draft, intent, ref, context) {
    const { length } = draft.state.order
    switch (intent.kind) {
      case 'insert':
        checkIndex(intent.index, length, ref)
        return insert(draft, intent.index, valuesOf(intent.content, ref), context)
      case 'remove':
        checkIndex(intent.index, length, ref)
        checkIndex(intent.index + intent.length, length, ref)
        if (intent.length < 0) throw outside(intent.length, length, ref)
        return remove(draft, draft.state.order.slice(intent.index, intent.index + intent.length), context)
      case 'move':
        checkIndex(intent.from, length - 1, ref)
        checkIndex(intent.to, length - 1, ref)
        return intent.from === intent.to ? draft : move(draft, intent.from, intent.to, context)
      case 'set':
        return set(draft, arrayOf(intent.value, ref), context)
      case 'merge':
        return mergeList(draft, arrayOf(intent.base, ref), arrayOf(intent.mine, ref), context)
      default:
        throw noSuchWrite(ref.address, intent, 'a list', 'insert, remove, reorder, set and merge')
    }
  },

  readDraft: (draft) => draft.state.view,

  finish({ base = emptyList, state, touched }) {
    const payload: Value[] = []
    for (const id of idsOf(touched)) {
      const before = base.item(id)
      const item = state.item(id)
      // What was made and removed again in this transaction nobody needs to know of.
      if (item === undefined) continue
      if (item.removed !== undefined) payload.push(REMOVE, id)
      else if (before === undefined) payload.push(INSERT, id, item.key!, item.value!)
      else if (item.key !== before.key) payload.push(MOVE, id, item.key!)
    }
    // Also when items were moved and moved back.
    const { order } = state
    const isSame = order.length === base.order.length && order.every(({ id }, i) => id === base.order[i]!.id)
    return payload.length === 0 || isSame ? undefined : payload
  },

  reversal: listReversal,
}

/** Each id once, in the order in which they were first written. */
function idsOf(touched: Touched | undefined): ReadonlySet<string> {
  const runs: (readonly string[])[] = []
  for (let at = touched; at !== undefined; at = at.before) runs.push(at.ids)
  return new Set(runs.reverse().flat())
}

/** Makes the list equal to an array by replacing what is between the common beginning and the common end. */
function set(draft: ListDraft, values: readonly Value[], context: EditContext): ListDraft {
  const { order } = draft.state
  const shorter = Math.min(order.length, values.length)
  let start = 0
  while (start < shorter && equalValues(order[start]!.value, values[start])) start += 1
  let end = 0
  while (end < shorter - start && equalValues(order.at(-1 - end)!.value, values.at(-1 - end))) end += 1
  const removed = remove(draft, order.slice(start, order.length - end), context)
  return insert(removed, start, values.slice(start, values.length - end), context)
}

function arrayOf(value: unknown, ref: PolicyRef): readonly Value[] {
  if (Array.isArray(value)) return valuesOf(value, ref)
  throw new StmError('invalid-value', `"${ref.address}" is a list and got ${describe(value)}. Give an array.`)
}

function valuesOf(content: unknown, ref: PolicyRef): readonly Value[] {
  const values: readonly unknown[] = Array.isArray(content) ? content : [content]
  return values.map((value, i) => toValue(value, `Item ${i} for "${ref.address}"`))
}

function checkIndex(index: number, most: number, ref: PolicyRef): void {
  if (!(Number.isInteger(index) && index >= 0 && index <= most)) throw outside(index, most, ref)
}

function outside(index: number, most: number, ref: PolicyRef): StmError {
  return new StmError(
    'invalid-value',
    most < 0
      ? `Position ${index} is outside the list "${ref.address}", which is empty.`
      : `Position ${index} is outside the list "${ref.address}". Use 0 to ${most}.`,
  )
}

/** The writes of a list of `T`. A single item is inserted as it is, several as an array; items that are arrays always in an array. */
export interface ListWrites<T> {
  readonly set: readonly T[]
  readonly merge: readonly T[]
  /** One item or several. Items that are arrays go in an array, also a single one. */
  readonly insert: readonly T[] | (T extends readonly unknown[] ? never : T)
  readonly remove: true
  readonly move: true
}

/**
 * A list of values: concurrent inserts are all kept, runs of one transaction stay together, and of two concurrent moves of one item the
 * later wins, so an item is at one place. Reads an empty array while nobody has written.
 *
 * `set` writes what differs between the common beginning and the common end, `merge` the fewest insertions, removals and moves. For items with fields and ids of their own use a
 * `collection` with a `place`. Cost of an edit: one copy of the array of items.
 *
 * @example
 * import { list } from '@syncline/merge'
 *
 * const steps = list<string>('steps')
 * expect(steps.key).toBe('list steps')
 */
export function list<S extends StandardSchema<readonly unknown[]>, A extends Arbiter = 'local'>(
  name: string,
  options: RefOptions<A> & { readonly schema: S },
): Ref<readonly ItemOf<S>[], ListWrites<ItemOf<S>>, A>
export function list<T>(
  name: string,
  options: PlainOptions<'browser'> & { readonly arbiter: 'browser' },
): Ref<readonly T[], ListWrites<T>, 'browser'>
export function list<T>(
  name: string,
  options: PlainOptions<'relay'> & { readonly arbiter: 'relay' },
): Ref<readonly T[], ListWrites<T>, 'relay'>
export function list<T, A extends Arbiter = 'local'>(
  name: string,
  options?: PlainOptions<A>,
): Ref<readonly T[], ListWrites<T>, A>
export function list<T, A extends Arbiter = 'local'>(
  name: string,
  options?: RefOptions<A>,
): Ref<readonly T[], ListWrites<T>, A> {
  checkNoVersion(name, options)
  return makeRef<readonly T[], ListWrites<T>, A>(policy as Policy, checkName(name), undefined, options)
}

type ItemOf<S> = ValueOf<S> extends readonly (infer T)[] ? T : unknown
