/**
 * A persistent sorted set of strings, ordered by UTF-16 code units.
 *
 * Two levels: an array of chunks, each a sorted array of at most 2 × CHUNK strings. A change copies the chunks it touches and the
 * array of chunks, so one change in n strings costs O(√n) copied words at the sizes a browser holds, and old sets stay valid.
 */
export interface SortedSet {
  readonly size: number
  has(item: string): boolean
  /** The item at a position, undefined past the end. */
  at(index: number): string | undefined
  /** How many items are less than `item`: its position, or where it would stand. */
  rank(item: string): number
  /** The set with `added` in and `removed` out; this very set when nothing changes. */
  change(added: readonly string[], removed: readonly string[]): SortedSet
  /** All items, ascending. Computed once for each set. */
  items(): readonly string[]
}

const CHUNK = 256

type Chunks = readonly (readonly string[])[]

class Sorted implements SortedSet {
  readonly size: number
  readonly #chunks: Chunks
  #items: readonly string[] | undefined

  constructor(chunks: Chunks, size: number) {
    this.#chunks = chunks
    this.size = size
  }

  has(item: string): boolean {
    const chunk = this.#chunks[chunkFor(this.#chunks, item)]
    return chunk !== undefined && chunk[lowerBound(chunk, item)] === item
  }

  at(index: number): string | undefined {
    let rest = index
    for (const chunk of this.#chunks) {
      if (rest < chunk.length) return chunk[rest]
      rest -= chunk.length
    }
    return undefined
  }

  rank(item: string): number {
    const at = chunkFor(this.#chunks, item)
    let before = 0
    for (let i = 0; i < at; i++) before += this.#chunks[i]!.length
    const chunk = this.#chunks[at]
    return chunk === undefined ? 0 : before + lowerBound(chunk, item)
  }

  change(added: readonly string[], removed: readonly string[]): SortedSet {
    if (added.length + removed.length > 16 + this.size / 8) return this.#rebuild(added, removed)
    let chunks: Chunks = this.#chunks
    let size = this.size
    for (const item of removed) {
      const at = chunkFor(chunks, item)
      const chunk = chunks[at]
      if (chunk === undefined) continue
      const place = lowerBound(chunk, item)
      if (chunk[place] !== item) continue
      chunks = chunk.length === 1 ? chunks.toSpliced(at, 1) : chunks.with(at, chunk.toSpliced(place, 1))
      size -= 1
    }
    for (const item of added) {
      const at = chunkFor(chunks, item)
      const chunk = chunks[at]
      if (chunk === undefined) {
        chunks = [[item]]
        size += 1
        continue
      }
      const place = lowerBound(chunk, item)
      if (chunk[place] === item) continue
      const grown = chunk.toSpliced(place, 0, item)
      chunks =
        grown.length > 2 * CHUNK
          ? chunks.toSpliced(at, 1, grown.slice(0, CHUNK), grown.slice(CHUNK))
          : chunks.with(at, grown)
      size += 1
    }
    return chunks === this.#chunks ? this : new Sorted(chunks, size)
  }

  items(): readonly string[] {
    this.#items ??= Object.freeze(this.#chunks.flat())
    return this.#items
  }

  #rebuild(added: readonly string[], removed: readonly string[]): SortedSet {
    const items = new Set(this.items())
    for (const item of removed) items.delete(item)
    for (const item of added) items.add(item)
    return sortedSet(items)
  }
}

/** The sorted set of some strings. */
export function sortedSet(items: Iterable<string> = []): SortedSet {
  // Array.prototype.sort without a comparison orders by UTF-16 code units, which is the order we promise.
  const all = [...new Set(items)].sort()
  const chunks: string[][] = []
  for (let i = 0; i < all.length; i += CHUNK) chunks.push(all.slice(i, i + CHUNK))
  return new Sorted(chunks, all.length)
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

function lowerBound(items: readonly string[], item: string): number {
  let low = 0
  let high = items.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (items[middle]! < item) low = middle + 1
    else high = middle
  }
  return low
}
