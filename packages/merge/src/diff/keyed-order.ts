import { compareValues } from '../order.ts'
import type { Key } from './conflict.ts'
import { risingAmong } from './rising.ts'

/** Where the versions have an item on whose place they disagree: behind which other, null at the beginning. */
interface Dispute {
  readonly base?: Key | null
  readonly mine: Key | null
  readonly theirs: Key | null
}

/** What becomes of three orders. */
interface MergedOrder {
  readonly order: readonly Key[]
  readonly disputes: ReadonlyMap<Key, Dispute>
}

/** One side: its order, and the items that it moved or added. */
interface Side {
  readonly order: readonly Key[]
  readonly places: ReadonlyMap<Key, number>
  readonly placed: ReadonlySet<Key>
}

/**
 * The order of the items that a merge of keyed arrays leaves. Items that nobody moved stay as they are to each other, and cut the orders of
 * both sides into stretches; each stretch then holds what one side, or both, put there. Exchanging the sides changes nothing but the
 * sides of disputes. Cost: n log n.
 */
export function mergeOrders(base: readonly Key[], mine: readonly Key[], theirs: readonly Key[]): MergedOrder {
  const basePlaces = placesIn(base)
  const a = sideOf(mine, basePlaces)
  const b = sideOf(theirs, basePlaces)
  const isOf = (side: Side, key: Key): boolean => side.places.has(key)
  /** Whether a side says where an item stands: it placed it, or the other does not have it. */
  const decides = (side: Side, other: Side, key: Key): boolean => side.placed.has(key) || !isOf(other, key)
  const anchors = new Set(mine.filter((key) => isOf(b, key) && !decides(a, b, key) && !decides(b, a, key)))

  const stretchesOfMine = stretches(mine, anchors, (key) => decides(a, b, key))
  const stretchesOfTheirs = stretches(theirs, anchors, (key) => decides(b, a, key))
  const shared = sharedPlaces(stretchesOfMine, stretchesOfTheirs)
  const isSettled = (key: Key): boolean => !shared.disputed.has(key)

  const order: Key[] = []
  const between = [...anchors]
  for (let i = 0; i < stretchesOfMine.length; i++) {
    const fromMine = runs(stretchesOfMine[i]!.filter(isSettled), shared.agreed)
    const fromTheirs = runs(stretchesOfTheirs[i]!.filter(isSettled), shared.agreed)
    for (const [j, { head, run }] of fromMine.entries()) {
      if (head !== undefined) order.push(head)
      for (const key of inOrder(run, fromTheirs[j]!.run)) order.push(key)
    }
    if (i < between.length) order.push(between[i]!)
  }
  return placeDisputed(order, shared.disputed, { base, mine, theirs })
}

function placesIn(order: readonly Key[]): Map<Key, number> {
  return new Map(order.map((key, place) => [key, place]))
}

function sideOf(order: readonly Key[], base: ReadonlyMap<Key, number>): Side {
  const kept = order.filter((key) => base.has(key))
  const rising = risingAmong(kept.map((key) => base.get(key)!))
  const stayed = new Set(kept.filter((_, i) => rising[i] === 1))
  return { order, places: placesIn(order), placed: new Set(order.filter((key) => !stayed.has(key))) }
}

/** What a side put before the first anchor, between anchors, and behind the last. */
function stretches(order: readonly Key[], anchors: ReadonlySet<Key>, isWanted: (key: Key) => boolean): Key[][] {
  const found: Key[][] = [[]]
  for (const key of order) {
    if (anchors.has(key)) found.push([])
    else if (isWanted(key)) found.at(-1)!.push(key)
  }
  return found
}

/** Of the items that both sides placed: those with which they did the same, and the others. */
function sharedPlaces(
  mine: readonly (readonly Key[])[],
  theirs: readonly (readonly Key[])[],
): { readonly agreed: ReadonlySet<Key>; readonly disputed: ReadonlySet<Key> } {
  const agreed = new Set<Key>()
  const disputed = new Set<Key>()
  const inTheirs = new Map(theirs.flatMap((keys, stretch) => keys.map((key, i) => [key, { stretch, i }] as const)))
  for (const [stretch, keys] of mine.entries()) {
    const both = keys.filter((key) => inTheirs.has(key))
    const here = both.filter((key) => inTheirs.get(key)!.stretch === stretch)
    const agreeing = longestAgreement(
      here,
      here.toSorted((a, b) => inTheirs.get(a)!.i - inTheirs.get(b)!.i),
    )
    for (const key of both) (agreeing.has(key) ? agreed : disputed).add(key)
  }
  return { agreed, disputed }
}

/** A longest sequence of keys that is in both orders of the same keys: of several, the same one whichever order comes first. */
function longestAgreement(mine: readonly Key[], theirs: readonly Key[]): ReadonlySet<Key> {
  const differs = mine.findIndex((key, i) => key !== theirs[i])
  if (differs === -1) return new Set(mine)
  const isLess = compareValues(mine[differs]!, theirs[differs]!) < 0
  const [first, second] = isLess ? [mine, theirs] : [theirs, mine]
  const places = placesIn(first)
  const rising = risingAmong(second.map((key) => places.get(key)!))
  return new Set(second.filter((_, i) => rising[i] === 1))
}

/** A stretch, cut before each item at which both sides have the same. */
function runs(keys: readonly Key[], agreed: ReadonlySet<Key>): { readonly head?: Key; readonly run: Key[] }[] {
  const found: { head?: Key; run: Key[] }[] = [{ run: [] }]
  for (const key of keys) {
    if (agreed.has(key)) found.push({ head: key, run: [] })
    else found.at(-1)!.run.push(key)
  }
  return found
}

function inOrder(mine: readonly Key[], theirs: readonly Key[]): readonly Key[] {
  if (mine.length === 0 || theirs.length === 0) return mine.length === 0 ? theirs : mine
  return compareValues(mine[0], theirs[0]) < 0 ? [...mine, ...theirs] : [...theirs, ...mine]
}

interface Orders {
  readonly base: readonly Key[]
  readonly mine: readonly Key[]
  readonly theirs: readonly Key[]
}

/** Puts the items that both sides placed differently behind one of the items that they want them behind: the lesser. */
function placeDisputed(order: readonly Key[], disputed: ReadonlySet<Key>, orders: Orders): MergedOrder {
  const disputes = new Map<Key, Dispute>()
  if (disputed.size === 0) return { order, disputes }
  const settled = new Set(order)
  const [base, mine, theirs] = [orders.base, orders.mine, orders.theirs].map((keys) => predecessors(keys, settled))
  const behind = new Map<Key | null, Key[]>()
  for (const key of [...disputed].sort(compareValues)) {
    const [left, right] = [mine!.get(key)!, theirs!.get(key)!]
    const before = compareValues(left, right) <= 0 ? left : right
    behind.set(before, [...(behind.get(before) ?? []), key])
    if (left !== right) {
      disputes.set(key, { ...(base!.has(key) && { base: base!.get(key)! }), mine: left, theirs: right })
    }
  }
  const placed = [null, ...order].flatMap((key) => [...(key === null ? [] : [key]), ...(behind.get(key) ?? [])])
  return { order: placed, disputes }
}

/** For each item the nearest one before it whose place is settled, null when there is none. */
function predecessors(keys: readonly Key[], settled: ReadonlySet<Key>): ReadonlyMap<Key, Key | null> {
  const found = new Map<Key, Key | null>()
  let last: Key | null = null
  for (const key of keys) {
    found.set(key, last)
    if (settled.has(key)) last = key
  }
  return found
}
