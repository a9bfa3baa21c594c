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
import { isCramped, keysFor, REACH } from './keys.ts'
import { listReversal } from './list-reversal.ts'
import {
  applyList,
  emptyList,
  INSERT,
  MOVE,
  movedItem,
  newItem,
  REMOVE,
  removedItem,
  type Item,
  type ListState,
} from './list-state.ts'
import { describe, noSuchWrite } from './writes.ts'

interface ListDraft {
  readonly base: ListState | undefined
  readonly state: ListState
  /** How many items this transaction has made, for their ids. */
  readonly made: number
  readonly touched: Touched | undefined
}

/** The ids that a transaction wrote, the latest write first: shared by the drafts that follow each other. */
interface Touched {
  readonly ids: readonly string[]
  readonly before: Touched | undefined
}

/** Values in an order that everybody may change. */
const policy: Policy<readonly Value[], ListState, ListDraft> = {
  tag: 'list',

  // A state that is not there stays away when an operation makes no sense.
  apply: (state, payload, stamp) => applyList(state, payload, stamp)!,

  read: (state) => (state ?? emptyList).view,

  content: (state) => (state === undefined || state.order.length === 0 ? undefined : state.view),

  draft: (base) => ({ base, state: base ?? emptyList, made: 0, touched: undefined }),

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
        return remove(draft, intent.index, intent.length, context)
      case 'move':
        checkIndex(intent.from, length - 1, ref)
        checkIndex(intent.to, length - 1, ref)
        return intent.from === intent.to ? draft : move(draft, intent.from, intent.to, context)
      case 'set':
        if (Array.isArray(intent.value)) return set(draft, valuesOf(intent.value, ref), context)
        throw new StmError(
          'invalid-value',
          `"${ref.address}" is a list and got ${describe(intent.value)}. Set an array.`,
        )
      default:
        throw noSuchWrite(ref.address, intent, 'a list', 'insert, remove, reorder and set')
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

/** The draft with these items in place of those with the same ids. */
function written(draft: ListDraft, items: readonly Item[], made = 0): ListDraft {
  return {
    base: draft.base,
    state: draft.state.with(items),
    made: draft.made + made,
    touched: { ids: items.map(({ id }) => id), before: draft.touched },
  }
}

function insert(draft: ListDraft, index: number, values: readonly Value[], context: EditContext): ListDraft {
  if (values.length === 0) return draft
  const { keys, rekeyed } = keysAround(draft.state, index, values.length, context)
  const made = values.map((value, i) => {
    return newItem(`${context.seed}.${(draft.made + i).toString(36)}`, keys[i]!, value, context.stamp)
  })
  return written(draft, [...rekeyed, ...made], values.length)
}

function remove(draft: ListDraft, index: number, length: number, context: EditContext): ListDraft {
  if (length === 0) return draft
  const { base, state } = draft
  const items = state.order.slice(index, index + length)
  // Of what this transaction has made itself nobody else knows: nothing needs to remember that it was removed.
  const own = items.filter(({ id }) => base?.item(id) === undefined)
  const known = items.filter(({ id }) => base?.item(id) !== undefined)
  const gone = known.map(({ id }) => removedItem(id, context.stamp))
  return written({ ...draft, state: state.without(own) }, gone)
}

function move(draft: ListDraft, from: number, to: number, context: EditContext): ListDraft {
  const item = draft.state.order[from]!
  const others = draft.state.without([item])
  const { keys, rekeyed } = keysAround(others, to, 1, context)
  return written(draft, [...rekeyed, movedItem(item, keys[0]!, context.stamp)])
}

/** Makes the list equal to an array by replacing what is between the common beginning and the common end. */
function set(draft: ListDraft, values: readonly Value[], context: EditContext): ListDraft {
  const { order } = draft.state
  const shorter = Math.min(order.length, values.length)
  let start = 0
  while (start < shorter && equalValues(order[start]!.value, values[start])) start += 1
  let end = 0
  while (end < shorter - start && equalValues(order.at(-1 - end)!.value, values.at(-1 - end))) end += 1
  const removed = remove(draft, start, order.length - end - start, context)
  return insert(removed, start, values.slice(start, values.length - end), context)
}

/** Keys for new places before `index`, and the neighbours that have to be moved to make room. */
function keysAround(
  state: ListState,
  index: number,
  count: number,
  context: EditContext,
): { readonly keys: readonly string[]; readonly rekeyed: readonly Item[] } {
  const { order } = state
  const from = Math.max(0, index - REACH)
  let found = keysFor(order.slice(from, index + REACH), index - from, count, context.seed)
  if (isCramped(found)) found = keysFor(order, index, count, context.seed)
  const { keys, rekeyed } = found
  return { keys, rekeyed: rekeyed.map(({ id, key }) => movedItem(state.item(id)!, key, context.stamp)) }
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
  /** One item or several. Items that are arrays go in an array, also a single one. */
  readonly insert: readonly T[] | (T extends readonly unknown[] ? never : T)
  readonly remove: true
  readonly move: true
}

/**
 * A list of values: concurrent inserts are all kept, runs of one transaction stay together, and of two concurrent moves of one item the
 * later wins, so an item is at one place. Reads an empty array while nobody has written.
 *
 * `set` writes what differs between the common beginning and the common end. For items with fields and ids of their own use a
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
