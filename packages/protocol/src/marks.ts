import { sha256 } from '@syncline/merge/sha256'
import type { Epoch } from '@syncline/stm'

/** What the mark of anything takes. */
export const MARK_BYTES = 8

/** So many marks have one above them. More would be told in vain where one of them differs; fewer would be more turns of question and answer. */
export const MARKS_BELOW = 16

/** Where a log ends, or up to where it is known. */
export interface Head {
  /** In which the relaySeq stands; null where that is 0. */
  readonly epoch: Epoch | null
  readonly relaySeq: number
}

/**
 * Writes the mark of a head as the `place`-th of `marks`: the first 64 bits of the epoch, and the relaySeq added. An epoch is drawn at random, so two heads have the same mark by a chance that nobody has; and
 * nothing has to be hashed for each space.
 */
export function markHead(marks: Uint8Array, place: number, { epoch, relaySeq }: Head): void {
  const mark = relaySeq === 0 || epoch === null ? 0n : BigInt(`0x${epoch.slice(0, 2 * MARK_BYTES)}`) + BigInt(relaySeq)
  new DataView(marks.buffer, marks.byteOffset).setBigUint64(MARK_BYTES * place, BigInt.asUintN(64, mark))
}

/** Writes a mark that no head has, for one that cannot be read: whoever compares finds a difference. */
export function markUnknown(marks: Uint8Array, place: number): void {
  marks.fill(0xff, MARK_BYTES * place, MARK_BYTES * (place + 1))
}

/**
 * What two who follow the same spaces compare to find those in which they stand at different heads: on level 0 the marks of heads, in the order of the spaces; above each {@link MARKS_BELOW} of them one, the first
 * 64 bits of the SHA-256 of these; and so on up to a single one, the root, on level 1 or above.
 */
export type MarkTree = readonly Uint8Array[]

/**
 * The tree over the marks of heads, one or more, which are copied. Cost: some microseconds for 16 of them.
 *
 * @example
 * import { hasMark, MARK_BYTES, markHead, marksBelow, markTree, markTreeWith } from '@syncline/protocol'
 *
 * const marks = new Uint8Array(40 * MARK_BYTES)
 * const tree = markTree(marks)
 * markHead(marks, 20, { epoch: '0123456789abcdef0123456789abcdef', relaySeq: 7 })
 * const told = marksBelow(markTreeWith(tree, marks, [20]), 2, 0)
 * expect([0, 1, 2].map((node) => hasMark(tree, 1, node, told, node))).toEqual([true, false, true])
 */
export function markTree(marks: Uint8Array): MarkTree {
  const tree = [marks.slice()]
  do {
    const below = tree.at(-1)!
    const level = new Uint8Array(MARK_BYTES * Math.ceil(below.length / (MARKS_BELOW * MARK_BYTES)))
    tree.push(level)
    for (let node = 0; node < level.length / MARK_BYTES; node++) summarise(tree, tree.length - 1, node)
  } while (tree.at(-1)!.length > MARK_BYTES)
  return tree
}

/** The tree of the marks of heads `marks`, which are others at these places and nowhere else. Cost: by the places, and a copy. */
export function markTreeWith(tree: MarkTree, marks: Uint8Array, places: Iterable<number>): MarkTree {
  const next = tree.map((level, i) => (i === 0 ? marks : level).slice())
  let nodes = new Set(places)
  for (let level = 1; level < next.length; level++) {
    nodes = new Set(Array.from(nodes, (node) => Math.floor(node / MARKS_BELOW)))
    for (const node of nodes) summarise(next, level, node)
  }
  return next
}

/** The marks that one stands for, which are on the level below it, from `MARKS_BELOW * node` on. */
export function marksBelow(tree: MarkTree, level: number, node: number): Uint8Array {
  const bytes = MARKS_BELOW * MARK_BYTES
  return tree[level - 1]!.subarray(bytes * node, bytes * (node + 1))
}

/** Whether a tree has the `i`-th of `marks` at a place of a level. */
export function hasMark(tree: MarkTree, level: number, place: number, marks: Uint8Array, i: number): boolean {
  const own = tree[level]!
  for (let byte = 0; byte < MARK_BYTES; byte++) {
    if (own[MARK_BYTES * place + byte] !== marks[MARK_BYTES * i + byte]) return false
  }
  return true
}

function summarise(tree: MarkTree, level: number, node: number): void {
  tree[level]!.set(sha256(marksBelow(tree, level, node)).subarray(0, MARK_BYTES), MARK_BYTES * node)
}
