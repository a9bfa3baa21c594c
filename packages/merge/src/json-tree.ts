import { compareStamps, setKey, type Stamp, type Value } from '@syncline/stm'
import { isObject, isReserved } from './lens.ts'
import { isWithin, MOST_LEVELS } from './levels.ts'
import { compareValues } from './order.ts'

/** Entries that write inside of a register: `[value, …path]` is set, what is at a path is removed, or is again as if nobody had written there. */
export const SET_AT = 4
export const REMOVE_AT = 5
export const RESET_AT = 6

/** What such an entry says, and what a node of a tree holds. */
export type NodeKind = typeof SET_AT | typeof REMOVE_AT | typeof RESET_AT

/** One write inside of a register; at the empty path one to all of it. */
export interface NodeWrite {
  readonly kind: NodeKind
  /** What is set; undefined when nothing is. */
  readonly value: Value | undefined
  readonly path: readonly string[]
  readonly stamp: Stamp
}

/**
 * A register that was written key by key, or a part of one: what was written here as a whole, and the parts that were written since. What is
 * written at a node counts only if it is not earlier than what was written at a node above it; what does not count is forgotten. So a tree
 * follows from the writes it got, in whatever order they came. Immutable, and trees share what they have in common.
 */
export class JsonTree {
  /** The latest write to all of it; undefined when only parts were written. */
  readonly stamp: Stamp | undefined
  readonly kind: NodeKind
  readonly value: Value | undefined
  readonly parts: ReadonlyMap<string, JsonTree>
  /** The latest write here or below. */
  readonly latest: Stamp
  /** Whether it makes something else of what it lies over. */
  readonly isFelt: boolean
  /** What was read last, and over what. */
  private over: Value | undefined
  private made: Value | undefined | typeof UNREAD

  constructor(
    stamp: Stamp | undefined,
    kind: NodeKind,
    value: Value | undefined,
    parts: ReadonlyMap<string, JsonTree>,
  ) {
    let latest = stamp
    let isFelt = kind !== RESET_AT
    for (const part of parts.values()) {
      if (latest === undefined || compareStamps(part.latest, latest) > 0) latest = part.latest
      isFelt ||= part.isFelt
    }
    this.stamp = stamp
    this.kind = kind
    this.value = value
    this.parts = parts
    // A node is made for a write, to it or below.
    this.latest = latest!
    this.isFelt = isFelt
    this.over = undefined
    this.made = UNREAD
  }

  /** What it makes of what it lies over, frozen; undefined for nothing. The same for the same, and what no write is about stays the same. */
  read(over: Value | undefined): Value | undefined {
    // What was set as a whole lies over nothing.
    const under = this.kind === RESET_AT ? over : undefined
    if (this.made === UNREAD || this.over !== under) {
      this.made = madeBy(this, under)
      this.over = under
    }
    return this.made
  }
}

const UNREAD: unique symbol = Symbol('unread')
const noParts: ReadonlyMap<string, JsonTree> = new Map()

/** The tree of a register that was written as a whole: undefined when it was cleared. */
export function treeOf(value: Value | undefined, stamp: Stamp): JsonTree {
  return new JsonTree(stamp, value === undefined ? RESET_AT : SET_AT, value, noParts)
}

/** What a register holds of a tree: its value alone where no part was written since. */
export function heldOf(tree: JsonTree): JsonTree | Value | undefined {
  return tree.parts.size === 0 && tree.stamp !== undefined ? tree.value : tree
}

/** What a register holds, as one value: what was written to parts of it lies over the rest, or over `initial` where the rest was never written. */
export function wholeOf(held: unknown, initial: Value | undefined): Value | undefined {
  return held instanceof JsonTree ? held.read(initial) : (held as Value | undefined)
}

/** The tree after one more write: the same when that does not count. Cost: the keys beside its path, and what it makes forgotten. */
export function writtenAt(tree: JsonTree | undefined, write: NodeWrite, depth = 0): JsonTree {
  const { kind, value, path, stamp } = write
  const order = tree?.stamp === undefined ? 1 : compareStamps(stamp, tree.stamp)
  if (order < 0) return tree!
  if (depth < path.length) {
    const key = path[depth]!
    const before = tree?.parts.get(key)
    const after = writtenAt(before, write, depth + 1)
    if (after === before) return tree!
    const parts = new Map(tree?.parts).set(key, after)
    return new JsonTree(tree?.stamp, tree?.kind ?? RESET_AT, tree?.value, parts)
  }
  if (order === 0 && compareParts(write, tree!) <= 0) return tree!
  return new JsonTree(stamp, kind, value, tree === undefined ? noParts : partsSince(tree, stamp))
}

/** The tree after some writes with one stamp, in whatever order. Cost: once the keys beside each of their paths. */
export function writtenAll(
  tree: JsonTree | undefined,
  writes: readonly [NodeWrite, ...NodeWrite[]],
  depth = 0,
): JsonTree {
  const [first, ...others] = writes
  if (others.length === 0) return writtenAt(tree, first, depth)
  const here = writes.filter(({ path }) => path.length === depth)
  let after = tree
  if (here.length > 0) {
    // Of what one transaction has written at one path the greatest stands.
    const greatest = here.reduce((best, one) => (compareParts(one, best) > 0 ? one : best))
    after = writtenAt(tree, greatest, depth)
  }
  if (after?.stamp !== undefined && compareStamps(first.stamp, after.stamp) < 0) return after
  let parts: Map<string, JsonTree> | undefined
  for (const [key, below] of byKey(writes, depth)) {
    const before = after?.parts.get(key)
    const part = writtenAll(before, below, depth + 1)
    if (part !== before) (parts ??= new Map(after?.parts)).set(key, part)
  }
  return parts === undefined ? after! : new JsonTree(after?.stamp, after?.kind ?? RESET_AT, after?.value, parts)
}

/** The writes below a path, by the next key. */
function byKey(writes: readonly NodeWrite[], depth: number): ReadonlyMap<string, readonly [NodeWrite, ...NodeWrite[]]> {
  const groups = new Map<string, [NodeWrite, ...NodeWrite[]]>()
  for (const write of writes) {
    const key = write.path[depth]
    if (key === undefined) continue
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [write])
    else group.push(write)
  }
  return groups
}

/** As two writes with one stamp to one register: the greater value wins. */
function compareParts(write: Pick<NodeWrite, 'kind' | 'value'>, standing: Pick<NodeWrite, 'kind' | 'value'>): number {
  return standing.kind - write.kind || compareValues(write.value, standing.value)
}

function partsSince({ parts }: JsonTree, stamp: Stamp): ReadonlyMap<string, JsonTree> {
  const left = new Map<string, JsonTree>()
  for (const [key, part] of parts) {
    if (compareStamps(part.latest, stamp) < 0) continue
    const isOwn = part.stamp !== undefined && compareStamps(part.stamp, stamp) >= 0
    left.set(key, isOwn ? part : new JsonTree(undefined, RESET_AT, undefined, partsSince(part, stamp)))
  }
  return left.size === 0 ? noParts : left
}

function madeBy({ kind, value, parts }: JsonTree, over: Value | undefined): Value | undefined {
  const under = kind === SET_AT ? value : over
  let made: Record<string, Value> | undefined
  let added: string[] | undefined
  for (const [key, part] of parts) {
    if (!part.isFelt) continue
    // Whatever it was: what has parts is an object.
    made ??= isObject(under) ? { ...under } : {}
    if (Object.hasOwn(made, key)) put(made, key, part.read(made[key]))
    else (added ??= []).push(key)
  }
  if (made === undefined) return under
  // In an order of their own, so that replicas agree about the order of keys too.
  for (const key of added?.sort() ?? []) put(made, key, parts.get(key)!.read(undefined))
  return Object.freeze(made)
}

function put(object: Record<string, Value>, key: string, value: Value | undefined): void {
  if (value === undefined) delete object[key]
  else setKey(object, key, value)
}

/** All writes that count at `path` or below it, as writes. */
export function writesIn(tree: JsonTree, path: readonly string[] = [], depth = 0): readonly NodeWrite[] {
  if (depth < path.length) {
    const part = tree.parts.get(path[depth]!)
    return part === undefined ? [] : writesIn(part, path, depth + 1)
  }
  const writes: NodeWrite[] = []
  if (tree.stamp !== undefined) writes.push({ kind: tree.kind, value: tree.value, path, stamp: tree.stamp })
  for (const [key, part] of tree.parts)
    for (const write of writesIn(part, [...path, key], depth + 1)) writes.push(write)
  return writes
}

/**
 * What a tree holds whatever it lies over: `[path, value]` for each part that was set, `[path]` for each that was removed, by path. Undefined when
 * it is a value as a whole.
 */
export function openContent(tree: JsonTree, path: readonly string[] = []): readonly Value[] | undefined {
  if (tree.kind === SET_AT) return undefined
  const open: Value[] = []
  for (const key of [...tree.parts.keys()].sort()) {
    const part = tree.parts.get(key)!
    const at = [...path, key]
    const inner = openContent(part, at)
    if (inner !== undefined && part.kind === RESET_AT) for (const one of inner) open.push(one)
    else {
      const value = part.read(undefined)
      open.push(value === undefined ? [at] : [at, value])
    }
  }
  return open
}

/** The write in an entry of an operation, without its stamp; undefined when it is none. */
export function readNodeEntry(kind: Value, data: Value): Omit<NodeWrite, 'stamp'> | undefined {
  if (kind !== SET_AT && kind !== REMOVE_AT && kind !== RESET_AT) return undefined
  if (!Array.isArray(data)) return undefined
  const items = data as readonly Value[]
  const path = kind === SET_AT ? items.slice(1) : items
  if (path.length === 0 || path.length > PATH_LEVELS || !path.every(isText) || isReserved(path[0]!)) return undefined
  const value = kind === SET_AT ? items[0] : undefined
  if (kind === SET_AT && (value === undefined || !isWithin(value, PATH_LEVELS - path.length))) return undefined
  return { kind, value, path }
}

/** The data of an entry that is this write. */
export function nodeEntryData({ kind, value, path }: Omit<NodeWrite, 'stamp'>): Value {
  return kind === SET_AT ? [value!, ...path] : path
}

/** As many as a value of an app may have, and one around it for its version: what is put together by paths is then never deeper. */
const PATH_LEVELS = MOST_LEVELS + 1

function isText(key: Value): key is string {
  return typeof key === 'string'
}
