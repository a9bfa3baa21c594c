import { MARK_BYTES, markHead, markTree, markTreeWith, markUnknown, type Head, type MarkTree } from '@syncline/protocol'
import type { Following } from './following.ts'

/** About what a space of a roll takes in memory beside its name: its place in the index, its mark and its head. */
const SPACE_BYTES = 150

/** In place of a relaySeq that has to be read. */
const UNKNOWN = -1

/**
 * Spaces that somebody follows together, and where the log of each ends: so who compares has nothing to read, and who follows costs an entry for all of them. Who does not compare, and is told nothing, stands in
 * each at the end of its log.
 */
export class Roll {
  readonly id: string
  /** Ascending by UTF-16 code units. */
  readonly names: readonly string[]
  /** Those who compare, or follow. */
  readonly followings: Set<Following> = new Set()
  /** About what it takes in memory. */
  readonly sizeBytes: number
  readonly #seqs: Float64Array
  readonly #marks: Uint8Array
  #losses = 0
  #tree: MarkTree | undefined
  /** Of which places the tree has not the newest mark. */
  readonly #stale = new Set<number>()

  constructor(id: string, names: readonly string[]) {
    this.id = id
    this.names = names
    this.sizeBytes = names.reduce((sum, name) => sum + 2 * name.length + SPACE_BYTES, 0)
    this.#seqs = new Float64Array(names.length).fill(UNKNOWN)
    this.#marks = new Uint8Array(names.length * MARK_BYTES).fill(0xff)
  }

  /** The place of a space; undefined when it is not one of them. */
  placeOf(space: string): number | undefined {
    let [from, to] = [0, this.names.length]
    while (from < to) {
      const middle = (from + to) >>> 1
      if (this.names[middle]! < space) from = middle + 1
      else to = middle
    }
    return this.names[from] === space ? from : undefined
  }

  /** Up to where the log of the space at a place is durable; undefined where that is not known. */
  relaySeqAt(at: number): number | undefined {
    const relaySeq = this.#seqs[at]!
    return relaySeq === UNKNOWN ? undefined : relaySeq
  }

  /** How often it was lost where a log ends. */
  get losses(): number {
    return this.#losses
  }

  /** Where the log of the space at a place ends from now on; undefined when that cannot be said. */
  move(at: number, head: Head | undefined): void {
    if (head === undefined) this.#losses += 1
    this.#seqs[at] = head?.relaySeq ?? UNKNOWN
    if (head === undefined) markUnknown(this.#marks, at)
    else markHead(this.#marks, at, head)
    if (this.#tree !== undefined) this.#stale.add(at)
  }

  /** The places of which has to be read where their logs end. */
  unknown(): number[] {
    const places: number[] = []
    for (let at = 0; at < this.#seqs.length; at++) if (this.#seqs[at] === UNKNOWN) places.push(at)
    return places
  }

  /** Where all logs end now, to be compared. */
  tree(): MarkTree {
    if (this.#tree === undefined) this.#tree = markTree(this.#marks)
    else if (this.#stale.size > 0) this.#tree = markTreeWith(this.#tree, this.#marks, this.#stale)
    this.#stale.clear()
    return this.#tree
  }
}
