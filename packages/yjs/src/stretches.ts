import type * as Y from 'yjs'

/** A stretch of characters, or of other units, of one Yjs client. */
export interface Range {
  readonly client: number
  readonly clock: number
  readonly length: number
}

/** A part of a range that was asked for, and what is known of it. */
export interface Piece<V> {
  readonly range: Range
  readonly value: V
}

interface Stretch<V> {
  readonly clock: number
  readonly end: number
  readonly value: V
}

/** What is known of the units of Yjs clients, by stretches of them. What is set later lies over what was set before. */
export class Stretches<V> {
  readonly #byClient = new Map<number, Stretch<V>[]>()

  set({ client, clock, length }: Range, value: V): void {
    const end = clock + length
    const list = this.#byClient.get(client)
    if (list === undefined) {
      this.#byClient.set(client, [{ clock, end, value }])
      return
    }
    // Those that touch it, so that what is alike on both sides becomes one: a run of typing is taken back key by key.
    const first = firstEndingAt(list, clock)
    let last = first
    while (last < list.length && list[last]!.clock <= end) last += 1
    const made: Stretch<V>[] = []
    const push = (stretch: Stretch<V>): void => {
      if (stretch.clock >= stretch.end) return
      const before = made.at(-1)
      if (before !== undefined && before.value === stretch.value && before.end === stretch.clock)
        made[made.length - 1] = { ...before, end: stretch.end }
      else made.push(stretch)
    }
    for (let i = first; i < last; i++) push({ ...list[i]!, end: Math.min(list[i]!.end, clock) })
    push({ clock, end, value })
    for (let i = first; i < last; i++) push({ ...list[i]!, clock: Math.max(list[i]!.clock, end) })
    list.splice(first, last - first, ...made)
  }

  /** The parts of a range in their order, also those of which nothing is known. */
  *over({ client, clock, length }: Range): Generator<Piece<V | undefined>> {
    const list = this.#byClient.get(client) ?? []
    const end = clock + length
    let at = clock
    for (let i = firstEndingAt(list, clock + 1); i < list.length && list[i]!.clock < end; i++) {
      const stretch = list[i]!
      const from = Math.max(at, stretch.clock)
      if (at < from) yield { range: rangeOf(client, at, from), value: undefined }
      at = Math.min(end, stretch.end)
      yield { range: rangeOf(client, from, at), value: stretch.value }
    }
    if (at < end) yield { range: rangeOf(client, at, end), value: undefined }
  }

  *[Symbol.iterator](): Iterator<Piece<V>> {
    for (const [client, list] of this.#byClient)
      for (const { clock, end, value } of list) yield { range: rangeOf(client, clock, end), value }
  }
}

/** What an update deletes. */
export function* rangesIn({ clients }: Y.Transaction['deleteSet']): Generator<Range> {
  for (const [client, ranges] of clients) for (const { clock, len } of ranges) yield { client, clock, length: len }
}

/** The list under a key, which is made when it is not there. */
export function listIn<T>(lists: Map<number, T[]>, client: number): T[] {
  const known = lists.get(client)
  if (known !== undefined) return known
  const list: T[] = []
  lists.set(client, list)
  return list
}

/** The range from one clock up to another. */
export function rangeOf(client: number, clock: number, end: number): Range {
  return { client, clock, length: end - clock }
}

/** The place of the first stretch that ends at a clock or after it. */
function firstEndingAt(list: readonly Stretch<unknown>[], clock: number): number {
  let low = 0
  let high = list.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (list[middle]!.end < clock) low = middle + 1
    else high = middle
  }
  return low
}
