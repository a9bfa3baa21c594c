import { compareStamps, type Stamp, type Value } from '@syncline/stm'
import { freezeValue } from './freeze.ts'
import { wins } from './order.ts'
import { isSortKey } from './keys.ts'

/** Entries of list operations, one after the other: `INSERT, id, key, value`, `MOVE, id, key`, `REMOVE, id`, `SET, id, value`. */
export const INSERT = 0
export const MOVE = 1
export const REMOVE = 2
export const SET = 3

/** One item of a list: two registers, and a stamp once it is removed, after which nothing brings it back. */
export interface Item {
  readonly id: string
  /** Where it stands; undefined while only its value is known. */
  readonly key: string | undefined
  readonly keyStamp: Stamp
  /** Undefined while only its place is known. */
  readonly value: Value | undefined
  readonly valueStamp: Stamp
  readonly removed: Stamp | undefined
}

/** An item that is in the list. */
export interface LiveItem extends Item {
  readonly key: string
  readonly value: Value
}

/** Everything that was said about the items of one list. */
export class ListState {
  /** All items, also removed ones, by id. */
  readonly items: readonly Item[]
  /** The items in the list, by (key, id). */
  readonly order: readonly LiveItem[]
  private lastView: readonly Value[] | undefined

  constructor(items: readonly Item[], order: readonly LiveItem[]) {
    this.items = items
    this.order = order
    this.lastView = undefined
  }

  /** The values in order, as one frozen array. */
  get view(): readonly Value[] {
    this.lastView ??= Object.freeze(this.order.map(({ value }) => value))
    return this.lastView
  }

  item(id: string): Item | undefined {
    const found = this.items[lowerBound(this.items, { id }, byId)]
    return found?.id === id ? found : undefined
  }

  /** The state with these items in place of those with the same ids. */
  with(changed: Iterable<Item>): ListState {
    const before: Item[] = []
    const after: Item[] = []
    for (const item of changed) {
      const old = this.item(item.id)
      if (old !== undefined) before.push(old)
      after.push(item)
    }
    return this.replace(before, after)
  }

  /** The state without items that nobody else has seen. */
  without(items: readonly Item[]): ListState {
    return this.replace(items, [])
  }

  private replace(before: readonly Item[], after: readonly Item[]): ListState {
    return new ListState(
      replaceIn(this.items, before, after, byId),
      replaceIn(this.order, before.filter(isLive), after.filter(isLive), byPlace),
    )
  }
}

/** The list nobody has written to. */
export const emptyList: ListState = new ListState([], [])

/** Whether an item is in the list. */
export function isLive(item: Item): item is LiveItem {
  return item.key !== undefined && item.value !== undefined && item.removed === undefined
}

/** Folds one operation into a state. What makes no sense changes nothing. */
export function applyList(state: ListState | undefined, payload: Value, stamp: Stamp): ListState | undefined {
  const entries = parseList(payload)
  if (entries === undefined) return state
  const before = state ?? emptyList
  const changed = new Map<string, Item>()
  for (const entry of entries) {
    const item = changed.get(entry.id) ?? before.item(entry.id)
    const next = fold(item, entry, stamp)
    if (next !== item) changed.set(entry.id, next)
  }
  return changed.size === 0 ? state : before.with(changed.values())
}

/** One edit: an item is inserted (key and value), moved (key), set (value) or removed. */
export interface Entry {
  readonly id: string
  readonly key?: string
  readonly value?: Value
  readonly remove?: true
}

/** The edits of an operation; undefined when it makes no sense. */
export function parseList(payload: Value): readonly Entry[] | undefined {
  if (!Array.isArray(payload)) return undefined
  const entries: Entry[] = []
  for (let i = 0; i < payload.length;) {
    const kind: Value = payload[i]
    const id: Value = payload[i + 1]
    if (typeof id !== 'string') return undefined
    if (kind === REMOVE) {
      entries.push({ id, remove: true })
      i += 2
      continue
    }
    const key: Value = payload[i + 2]
    const value: Value | undefined = kind === INSERT ? payload[i + 3] : kind === SET ? payload[i + 2] : null
    if (value === undefined || (kind !== SET && !isSortKey(key))) return undefined
    if (kind === INSERT) entries.push({ id, key: key as string, value })
    else if (kind === MOVE) entries.push({ id, key: key as string })
    else if (kind === SET) entries.push({ id, value })
    else return undefined
    i += kind === INSERT ? 4 : 3
  }
  return entries
}

function fold(item: Item | undefined, entry: Entry, stamp: Stamp): Item {
  const { id } = entry
  if (entry.remove) {
    if (item?.removed !== undefined && compareStamps(stamp, item.removed) <= 0) return item
    return removedItem(id, stamp)
  }
  if (item === undefined) return newItem(id, entry.key, freezeValue(entry.value), stamp)
  if (item.removed !== undefined) return item
  const { key, value } = entry
  const moved = key !== undefined && (item.key === undefined || wins(stamp, key, item.keyStamp, item.key))
  const set = value !== undefined && (item.value === undefined || wins(stamp, value, item.valueStamp, item.value))
  if (!moved && !set) return item
  return {
    id,
    key: moved ? key : item.key,
    keyStamp: moved ? stamp : item.keyStamp,
    value: set ? freezeValue(value) : item.value,
    valueStamp: set ? stamp : item.valueStamp,
    removed: undefined,
  }
}

/** An item as one operation made it. */
export function newItem(id: string, key: string | undefined, value: Value | undefined, stamp: Stamp): Item {
  return { id, key, keyStamp: stamp, value, valueStamp: stamp, removed: undefined }
}

/** The item somewhere else. */
export function movedItem<I extends Item>(item: I, key: string, stamp: Stamp): I {
  return { ...item, key, keyStamp: stamp }
}

/** What is left of an item that was removed. */
export function removedItem(id: string, stamp: Stamp): Item {
  return { id, key: undefined, keyStamp: stamp, value: undefined, valueStamp: stamp, removed: stamp }
}

type Compare<T> = (a: T, b: T) => number

function byId(a: { readonly id: string }, b: { readonly id: string }): number {
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0
}

function byPlace(a: LiveItem, b: LiveItem): number {
  return a.key < b.key ? -1 : a.key > b.key ? 1 : byId(a, b)
}

/** A sorted array with some items taken out and others put in. A few are spliced, as copying an array is fast; many are sorted in. */
function replaceIn<T extends Item>(
  sorted: readonly T[],
  before: readonly T[],
  after: readonly T[],
  compare: Compare<T>,
): readonly T[] {
  if (before.length + after.length === 0) return sorted
  if (before.length + after.length > 8) {
    const out = new Set(before)
    return [...sorted.filter((item) => !out.has(item)), ...after].sort(compare)
  }
  const result = sorted.slice()
  for (const item of before) result.splice(lowerBound(result, item, compare), 1)
  for (const item of after) result.splice(lowerBound(result, item, compare), 0, item)
  return result
}

function lowerBound<T, U extends T>(sorted: readonly U[], item: T, compare: Compare<T>): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compare(sorted[middle]!, item) < 0) low = middle + 1
    else high = middle
  }
  return low
}
