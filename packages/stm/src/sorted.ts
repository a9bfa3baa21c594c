/**
 * A persistent sorted set of strings, ordered by UTF-16 code units.
 *
 * Two levels: an array of chunks, each a sorted array of at most 2 × CHUNK strings. A change copies the chunks it touches and the
 * array of chunks, so one change in n strings costs O(√n) copied words at the sizes a browser holds, and old sets stay valid.
 */
export interface SortedSet {
  readonly size: number
  has(item: string): boolean
  /** How many items are less than `item`: its position, or where it would stand. */
  rank(item: string): number
  /** The items at positions from `from` up to `to`, `to` not included. */
  slice(from: number, to: number): readonly string[]
  /** The set with `removed` out and then `added` in; this very set when nothing changes. */
  change(added: readonly string[], removed: readonly string[]): SortedSet
  /** All items, ascending. Computed once for each set. */
  items(): readonly string[]
}

const CHUNK = 256

/** So many are sorted at once: some milliseconds. */
const STEP = 4096

type Chunks = readonly (readonly string[])[]

class Sorted implements SortedSet {
  readonly size: number
  readonly #chunks: Chunks
  #items: readonly string[] | undefined

  constructor(chunks: Chunks) {
    this.#chunks = chunks
    let size = 0
    for (const chunk of chunks) size += chunk.length
    this.size = size
  }

  has(item: string): boolean {
    const chunk = this.#chunks[chunkFor(this.#chunks, item)]
    return chunk !== undefined && chunk[lowerBound(chunk, item)] === item
  }

  rank(item: string): number {
    const at = chunkFor(this.#chunks, item)
    let before = 0
    for (let i = 0; i < at; i++) before += this.#chunks[i]!.length
    const chunk = this.#chunks[at]
    return chunk === undefined ? 0 : before + lowerBound(chunk, item)
  }

  slice(from: number, to: number): readonly string[] {
    const found: string[] = []
    let start = 0
    for (const chunk of this.#chunks) {
      if (start >= to) break
      if (start + chunk.length > from) found.push(...chunk.slice(Math.max(0, from - start), to - start))
      start += chunk.length
    }
    return found
  }

  change(added: readonly string[], removed: readonly string[]): SortedSet {
    const coming = added.filter((item) => !this.has(item))
    const staying = removed.length * added.length > 64 ? new Set(added) : undefined
    const isStaying = (item: string): boolean => staying?.has(item) ?? added.includes(item)
    const going = removed.filter((item) => this.has(item) && !isStaying(item))
    if (coming.length + going.length === 0) return this
    if (coming.length + going.length > 16 + this.size / 8) return this.#rebuild(coming, going)
    let chunks = this.#chunks
    for (const item of going) chunks = without(chunks, item)
    for (const item of coming) chunks = including(chunks, item)
    return new Sorted(chunks)
  }

  items(): readonly string[] {
    this.#items ??= Object.freeze(this.#chunks.flat())
    return this.#items
  }

  #rebuild(coming: readonly string[], going: readonly string[]): SortedSet {
    const items = new Set(this.items())
    for (const item of going) items.delete(item)
    for (const item of coming) items.add(item)
    return sortedSet(items)
  }
}

/** The sorted set of some strings. */
export function sortedSet(items: Iterable<string> = []): SortedSet {
  // Array.prototype.sort without a comparison orders by UTF-16 code units, which is the order we promise.
  return new Sorted(chunksOf([...new Set(items)].sort()))
}

function chunksOf(all: readonly string[]): Chunks {
  const chunks: string[][] = []
  for (let i = 0; i < all.length; i += CHUNK) chunks.push(all.slice(i, i + CHUNK))
  return chunks
}

/** The sorted set of strings that ascend, each once. */
export function ascendingSet(items: readonly string[]): SortedSet {
  return new Sorted(chunksOf(items))
}

/** The sorted set of strings that are all different, in steps of so many. */
export function* sortedInSteps(items: readonly string[]): Generator<number, SortedSet> {
  let runs: (readonly string[])[] = []
  for (let i = 0; i < items.length; i += STEP) {
    runs.push(items.slice(i, i + STEP).sort())
    yield STEP
  }
  while (runs.length > 1) {
    const merged: (readonly string[])[] = []
    for (let i = 0; i < runs.length; i += 2) merged.push(yield* mergedInSteps(runs[i]!, runs[i + 1] ?? []))
    runs = merged
  }
  return new Sorted(chunksOf(runs[0] ?? []))
}

function* mergedInSteps(one: readonly string[], other: readonly string[]): Generator<number, readonly string[]> {
  const merged: string[] = []
  let [i, j] = [0, 0]
  while (i < one.length && j < other.length) {
    merged.push(one[i]! < other[j]! ? one[i++]! : other[j++]!)
    if (merged.length % STEP === 0) yield STEP
  }
  for (; i < one.length; i++) merged.push(one[i]!)
  for (; j < other.length; j++) merged.push(other[j]!)
  return merged
}

function without(chunks: Chunks, item: string): Chunks {
  const at = chunkFor(chunks, item)
  const chunk = chunks[at]
  const place = chunk === undefined ? -1 : lowerBound(chunk, item)
  if (chunk?.[place] !== item) return chunks
  const rest = chunk.toSpliced(place, 1)
  const next = chunks[at + 1]
  // Small neighbours become one, so that there are never many more chunks than the items need.
  if (next !== undefined && rest.length + next.length <= CHUNK / 2) return chunks.toSpliced(at, 2, [...rest, ...next])
  return rest.length === 0 ? chunks.toSpliced(at, 1) : chunks.with(at, rest)
}

function including(chunks: Chunks, item: string): Chunks {
  const at = chunkFor(chunks, item)
  const chunk = chunks[at]
  if (chunk === undefined) return [[item]]
  const place = lowerBound(chunk, item)
  if (chunk[place] === item) return chunks
  const grown = chunk.toSpliced(place, 0, item)
  if (grown.length <= 2 * CHUNK) return chunks.with(at, grown)
  return chunks.toSpliced(at, 1, grown.slice(0, CHUNK), grown.slice(CHUNK))
}

/** The chunk that holds `item`, or that it belongs into. */
function chunkFor(chunks: Chunks, item: string): number {
  let low = 0
  let high = chunks.length - 1
  while (low < high) {
    const middle = (low + high + 1) >>> 1
    if (chunks[middle]![0]! <= item) low = middle
    else high = middle - 1
  }
  return low
}

/** How many of some ascending strings are less than `item`. */
export function lowerBound(items: readonly string[], item: string): number {
  let low = 0
  let high = items.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (items[middle]! < item) low = middle + 1
    else high = middle
  }
  return low
}
