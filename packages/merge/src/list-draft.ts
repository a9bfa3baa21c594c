import type { EditContext, Value } from '@syncline/stm'
import { isCramped, keysFor, REACH } from './keys.ts'
import { emptyList, movedItem, newItem, removedItem, type Item, type ListState, type LiveItem } from './list-state.ts'

/** The state of a list with the writes of one transaction. */
export interface ListDraft {
  readonly base: ListState | undefined
  readonly state: ListState
  /** How many items this transaction has made, for their ids. */
  readonly made: number
  readonly touched: Touched | undefined
}

/** The ids that a transaction wrote, the latest write first: shared by the drafts that follow each other. */
export interface Touched {
  readonly ids: readonly string[]
  readonly before: Touched | undefined
}

/** The draft of a transaction that has written nothing yet. */
export function openList(base: ListState | undefined): ListDraft {
  return { base, state: base ?? emptyList, made: 0, touched: undefined }
}

/** The draft with these items in place of those with the same ids. */
export function written(draft: ListDraft, items: readonly Item[], made = 0): ListDraft {
  return {
    base: draft.base,
    state: draft.state.with(items),
    made: draft.made + made,
    touched: { ids: items.map(({ id }) => id), before: draft.touched },
  }
}

/** The draft with values before `index`. */
export function insert(draft: ListDraft, index: number, values: readonly Value[], context: EditContext): ListDraft {
  if (values.length === 0) return draft
  const { keys, rekeyed } = keysAround(draft.state.order, index, values.length, context)
  const made = values.map((value, i) => newItem(newId(draft, i, context), keys[i]!, value, context.stamp))
  return written(draft, [...rekeyed, ...made], values.length)
}

/** The id of an item that this transaction makes, `n` items after those that it has made already. */
export function newId(draft: ListDraft, n: number, { seed }: EditContext): string {
  return `${seed}.${(draft.made + n).toString(36)}`
}

/** The draft without these items. */
export function remove(draft: ListDraft, items: readonly LiveItem[], context: EditContext): ListDraft {
  if (items.length === 0) return draft
  const { base, state } = draft
  // Of what this transaction has made itself nobody else knows: nothing needs to remember that it was removed.
  const own = items.filter(({ id }) => base?.item(id) === undefined)
  const known = items.filter(({ id }) => base?.item(id) !== undefined)
  const gone = known.map(({ id }) => removedItem(id, context.stamp))
  return written({ ...draft, state: state.without(own) }, gone)
}

/** The draft with one item somewhere else. */
export function move(draft: ListDraft, from: number, to: number, context: EditContext): ListDraft {
  const item = draft.state.order[from]!
  const { keys, rekeyed } = keysAround(draft.state.order.toSpliced(from, 1), to, 1, context)
  return written(draft, [...rekeyed, movedItem(item, keys[0]!, context.stamp)])
}

/** Keys for new places before `index`, and the neighbours that have to be moved to make room. */
export function keysAround(
  order: readonly LiveItem[],
  index: number,
  count: number,
  context: EditContext,
): { readonly keys: readonly string[]; readonly rekeyed: readonly LiveItem[] } {
  const from = Math.max(0, index - REACH)
  const near = order.slice(from, index + REACH)
  let found = keysFor(near, index - from, count, context.seed)
  if (isCramped(found)) found = keysFor(order, index, count, context.seed)
  const { keys, rekeyed } = found
  if (rekeyed.length === 0) return { keys, rekeyed: [] }
  const byId = new Map(order.map((item) => [item.id, item]))
  return { keys, rekeyed: rekeyed.map(({ id, key }) => movedItem(byId.get(id)!, key, context.stamp)) }
}
