import type { EditContext, Value } from '@syncline/stm'
import { hunksOf, type Hunk } from './diff/script.ts'
import { createNumbering, type Symbols } from './diff/symbols.ts'
import { keysAround, newId, remove, written, type ListDraft } from './list-draft.ts'
import { movedItem, newItem, type Item, type LiveItem } from './list-state.ts'

/** What is put into the list: an item that is in it already, or a value that is new. */
type Entry = { readonly item: LiveItem } | { readonly item?: undefined; readonly value: Value }

/** Entries that are put together behind an item, or at the beginning. */
interface Run {
  readonly behind: LiveItem | undefined
  readonly entries: Entry[]
}

/** As few removals, insertions and moves as there can be; where arrays have hardly anything in common, about as few. */
const thorough = { skims: false }

const NOWHERE = -1

/**
 * The draft with what makes `mine` of `base` done to what is there now. The items of an array have no names: those that stayed are found by
 * the difference, and of the others one that was taken away here and is new there was moved. Items that stay keep their identity, so what
 * others do with them at the same time counts. What others have done in the same way is not done again. Cost: that of two differences.
 */
export function mergeList(
  draft: ListDraft,
  base: readonly Value[],
  mine: readonly Value[],
  context: EditContext,
): ListDraft {
  const { order, view } = draft.state
  const numbering = createNumbering()
  const [before, after, now] = [numbering.of(base), numbering.of(mine), numbering.of(view)]
  const ours = hunksOf(before, after, numbering.count(), thorough)
  if (ours.length === 0) return draft
  const theirs = hunksOf(before, now, numbering.count(), thorough)

  /** By position in the base: the item that it is now. */
  const items: (LiveItem | undefined)[] = base.map(() => undefined)
  originsOf(before, now, theirs).from.forEach((origin, at) => {
    if (origin !== NOWHERE) items[origin] = order[at]
  })
  const agreed = agreedOn(ours, after, theirs, now)
  const { from, stays } = originsOf(before, after, ours)
  const isPlaced = (at: number): boolean => stays[at] === 1 || agreed.has(at)
  /** By position in mine: the item that is there already. */
  const anchors = mine.map((_, at) => {
    if (agreed.has(at)) return order[agreed.get(at)!]
    return stays[at] === 1 ? items[from[at]!] : undefined
  })

  const used = new Set(anchors)
  const runs: Run[] = [{ behind: undefined, entries: [] }]
  let last = runs[0]!
  mine.forEach((value, at) => {
    const item = from[at] === NOWHERE ? undefined : items[from[at]!]
    if (isPlaced(at)) {
      if (anchors[at] !== undefined) runs.push((last = { behind: anchors[at], entries: [] }))
    } else if (from[at] === NOWHERE || (item !== undefined && used.has(item))) last.entries.push({ value })
    else if (item !== undefined) {
      used.add(item)
      last.entries.push({ item })
    } // else it was moved here and removed by others, and is gone.
  })
  // What ends the array goes to the end, behind what others have put there.
  const isEnding = mine.length > 0 && !isPlaced(mine.length - 1)
  const stayed = new Set(from.filter((_, at) => stays[at] === 1))
  const gone = items.filter((item, at) => item !== undefined && !stayed.has(at) && !used.has(item))
  return put(remove(draft, gone as LiveItem[], context), runs, isEnding, context)
}

/** Where the items of the second sequence were in the first, and which of them stayed as they were to each other. */
function originsOf(
  a: Symbols,
  b: Symbols,
  hunks: readonly Hunk[],
): { readonly from: Int32Array; readonly stays: Uint8Array } {
  const from = new Int32Array(b.length).fill(NOWHERE)
  const stays = new Uint8Array(b.length)
  /** Those that left, by what they are. */
  const left = new Map<number, number[]>()
  let [i, j] = [0, 0]
  for (const { aStart, aEnd, bStart, bEnd } of [...hunks, endOf(a, b)]) {
    for (; j < bStart; i++, j++) {
      from[j] = i
      stays[j] = 1
    }
    for (i = aStart; i < aEnd; i++) {
      const known = left.get(a[i]!)
      if (known === undefined) left.set(a[i]!, [i])
      else known.push(i)
    }
    j = bEnd
  }
  for (const places of left.values()) places.reverse()
  for (const { bStart, bEnd } of hunks) {
    for (j = bStart; j < bEnd; j++) from[j] = left.get(b[j]!)?.pop() ?? NOWHERE
  }
  return { from, stays }
}

function endOf(a: Symbols, b: Symbols): Hunk {
  return { aStart: a.length, aEnd: a.length, bStart: b.length, bEnd: b.length }
}

/** What both sides put in the place of the same part: positions on the one side, and where it is on the other. */
function agreedOn(ours: readonly Hunk[], b: Symbols, theirs: readonly Hunk[], c: Symbols): ReadonlyMap<number, number> {
  const agreed = new Map<number, number>()
  const byStart = new Map(theirs.map((hunk) => [hunk.aStart, hunk]))
  for (const { aStart, aEnd, bStart, bEnd } of ours) {
    const other = byStart.get(aStart)
    if (other === undefined || other.aEnd !== aEnd || other.bEnd - other.bStart !== bEnd - bStart) continue
    const shift = other.bStart - bStart
    if (b.subarray(bStart, bEnd).some((symbol, i) => symbol !== c[bStart + i + shift])) continue
    for (let at = bStart; at < bEnd; at++) agreed.set(at, at + shift)
  }
  return agreed
}

/** The draft with runs put into the list, each behind its item; the last one at the end, where it ends the list. */
function put(draft: ListDraft, runs: readonly Run[], isEnding: boolean, context: EditContext): ListDraft {
  const taken = new Set(runs.flatMap(({ entries }) => entries.map(({ item }) => item)))
  const changed = new Map<string, Item>()
  let order = draft.state.order.filter((item) => !taken.has(item))
  let made = 0

  function place(entries: readonly Entry[], index: number): void {
    const { keys, rekeyed } = keysAround(order, index, entries.length, context)
    const placed = entries.map((entry, i): LiveItem => {
      if (entry.item !== undefined) return movedItem(entry.item, keys[i]!, context.stamp)
      // Made with a key and a value.
      return newItem(newId(draft, made++, context), keys[i]!, entry.value, context.stamp) as LiveItem
    })
    for (const item of [...rekeyed, ...placed]) changed.set(item.id, item)
    const moved = new Map(rekeyed.map((item) => [item.id, item]))
    if (moved.size > 0) order = order.map((item) => moved.get(item.id) ?? item)
    order = order.slice(0, index).concat(placed, order.slice(index))
  }

  /** By the item that it stands behind. Several may stand behind one: that of a run is where others have put what we kept elsewhere. */
  const behind = new Map<string | undefined, Entry[]>()
  const filled = runs.filter(({ entries }) => entries.length > 0)
  const ending = isEnding ? filled.at(-1) : undefined
  for (const run of filled) {
    if (run === ending) continue
    const known = behind.get(run.behind?.id)
    if (known === undefined) behind.set(run.behind?.id, run.entries)
    else known.push(...run.entries)
  }
  for (let at = -1; at < order.length && behind.size > 0; at++) {
    const id = at < 0 ? undefined : order[at]!.id
    const entries = behind.get(id)
    if (entries === undefined) continue
    behind.delete(id)
    place(entries, at + 1)
    at += entries.length
  }
  if (ending !== undefined) place(ending.entries, order.length)
  return changed.size === 0 ? draft : written(draft, [...changed.values()], made)
}
