import type { Work } from './script.ts'
import { roughRoot, type Kept } from './skim.ts'

/** From this cost on a search looks whether it can be cut short. */
const PATIENCE = 256
/** So many equal items in a row are a good sign. */
const LONG_RUN = 20
/** A path that came so many times as far as it cost is followed without looking further. */
const WORTH = 4

/** Beyond every place in a sequence. */
const FAR = 0x7fff_ffff

/** A part of both sequences that is still to be compared. */
interface Box {
  readonly a0: number
  readonly a1: number
  readonly b0: number
  readonly b1: number
  /** Whether its way is known to be short, so that the search may take as long as it takes. */
  readonly isShort: boolean
}

/**
 * Marks, in `changedA` and `changedB`, what is left out by a shortest way from the one sequence to the other.
 *
 * The algorithm is Eugene W. Myers, "An O(ND) Difference Algorithm and Its Variations", Algorithmica 1 (1986), in linear space: two
 * searches, from both ends of a box, go on one difference at a time until they meet; the meeting point splits the box in two. Diagonals
 * are looked at from the highest to the lowest, so that of several shortest ways the one is taken that git takes.
 *
 * Two sequences with little in common would take time like the product of their lengths. So, as in GNU diff (Paul Eggert, 1990s) and
 * xdiff: above a cost of `PATIENCE` a path with a long run of equal items that came far is good enough, and above the square root
 * of the lengths the one that came farthest is taken.
 */
export function markChanged(a: Kept, b: Kept, changedA: Uint8Array, changedB: Uint8Array, work: Work): void {
  const search = createSearch(a.symbols, b.symbols, work)
  // A stack of our own: boxes can be split as often as there are items.
  const boxes: Box[] = [{ a0: 0, a1: a.symbols.length, b0: 0, b1: b.symbols.length, isShort: false }]
  for (let box = boxes.pop(); box !== undefined; box = boxes.pop()) {
    let { a0, a1, b0, b1 } = box
    const left = a0
    const right = a1
    while (a0 < a1 && b0 < b1 && a.symbols[a0] === b.symbols[b0]) {
      a0++
      b0++
    }
    while (a0 < a1 && b0 < b1 && a.symbols[a1 - 1] === b.symbols[b1 - 1]) {
      a1--
      b1--
    }
    work.steps += a0 - left + (right - a1) + 1
    if (a0 === a1) for (let i = b0; i < b1; i++) changedB[b.places[i]!] = 1
    else if (b0 === b1) for (let i = a0; i < a1; i++) changedA[a.places[i]!] = 1
    else {
      const { x, y, firstIsShort, secondIsShort } = search({ a0, a1, b0, b1, isShort: box.isShort })
      boxes.push({ a0: x, a1, b0: y, b1, isShort: secondIsShort }, { a0, a1: x, b0, b1: y, isShort: firstIsShort })
    }
  }
}

/** Where a box is split, and which of the parts have a way that is known to be short. */
interface Split {
  readonly x: number
  readonly y: number
  readonly firstIsShort: boolean
  readonly secondIsShort: boolean
}

function createSearch(a: Int32Array, b: Int32Array, work: Work): (box: Box) => Split {
  const diagonals = a.length + b.length + 3
  const tooExpensive = Math.max(PATIENCE, roughRoot(diagonals))
  // How far along `a` each search came on the diagonal x - y = d: at index d + origin.
  const forward = new Int32Array(diagonals)
  const backward = new Int32Array(diagonals)
  const origin = b.length + 1

  return (box) => {
    const { a0, a1, b0, b1 } = box
    const lowest = a0 - b1
    const highest = a1 - b0
    const first = a0 - b0
    const last = a1 - b1
    // The searches can meet on a step of the forward one only when their diagonals have different parity.
    const meetsForward = ((first - last) & 1) === 1
    let forwardLow = first
    let forwardHigh = first
    let backwardLow = last
    let backwardHigh = last
    let steps = 0
    forward[origin + first] = a0
    backward[origin + last] = a1

    for (let cost = 1; ; cost++) {
      let sawLongRun = false

      // One diagonal more on each side; at the edge of the box one less instead, so that each second diagonal is looked at.
      if (forwardLow > lowest) forward[origin + --forwardLow - 1] = -1
      else forwardLow++
      if (forwardHigh < highest) forward[origin + ++forwardHigh + 1] = -1
      else forwardHigh--
      for (let d = forwardHigh; d >= forwardLow; d -= 2) {
        const start = Math.max(forward[origin + d - 1]! + 1, forward[origin + d + 1]!)
        let x = start
        while (x < a1 && x - d < b1 && a[x] === b[x - d]) x++
        if (x - start > LONG_RUN) sawLongRun = true
        steps += x - start + 1
        forward[origin + d] = x
        if (meetsForward && backwardLow <= d && d <= backwardHigh && backward[origin + d]! <= x) {
          work.steps += steps
          return { x, y: x - d, firstIsShort: true, secondIsShort: true }
        }
      }

      if (backwardLow > lowest) backward[origin + --backwardLow - 1] = FAR
      else backwardLow++
      if (backwardHigh < highest) backward[origin + ++backwardHigh + 1] = FAR
      else backwardHigh--
      for (let d = backwardHigh; d >= backwardLow; d -= 2) {
        const start = Math.min(backward[origin + d - 1]!, backward[origin + d + 1]! - 1)
        let x = start
        while (x > a0 && x - d > b0 && a[x - 1] === b[x - d - 1]) x--
        if (start - x > LONG_RUN) sawLongRun = true
        steps += start - x + 1
        backward[origin + d] = x
        if (!meetsForward && forwardLow <= d && d <= forwardHigh && x <= forward[origin + d]!) {
          work.steps += steps
          return { x, y: x - d, firstIsShort: true, secondIsShort: true }
        }
      }

      if (box.isShort || cost < PATIENCE) continue
      const isTooExpensive = cost >= tooExpensive
      if (!isTooExpensive && !(sawLongRun && cost > PATIENCE)) continue
      steps += forwardHigh - forwardLow + backwardHigh - backwardLow
      const found =
        (sawLongRun && cost > PATIENCE ? (promising(cost, 1) ?? promising(cost, -1)) : undefined) ??
        (isTooExpensive ? farthest() : undefined)
      if (found !== undefined) {
        work.steps += steps
        return found
      }
    }

    /** The path of one search that came far beyond what it cost and ends in a long run of equal items. */
    function promising(cost: number, way: 1 | -1): Split | undefined {
      const [ends, low, high, middle] =
        way === 1
          ? ([forward, forwardLow, forwardHigh, first] as const)
          : ([backward, backwardLow, backwardHigh, last] as const)
      let best = WORTH * cost
      let found: Split | undefined
      for (let d = high; d >= low; d -= 2) {
        const x = ends[origin + d]!
        const y = x - d
        const came = (way === 1 ? x - a0 + (y - b0) : a1 - x + (b1 - y)) - Math.abs(d - middle)
        if (came > best && endsInRun(x, y, way)) {
          best = came
          found = { x, y, firstIsShort: way === 1, secondIsShort: way === -1 }
        }
      }
      return found
    }

    function endsInRun(x: number, y: number, way: 1 | -1): boolean {
      if (
        way === 1
          ? x < a0 + LONG_RUN || x >= a1 || y < b0 + LONG_RUN || y >= b1
          : x <= a0 || x > a1 - LONG_RUN || y <= b0 || y > b1 - LONG_RUN
      )
        return false
      for (let k = 0; k < LONG_RUN; k++) {
        const far = way === 1 ? -1 - k : k
        if (a[x + far] !== b[y + far]) return false
      }
      return true
    }

    /** The end of the path that came farthest, of both searches. Such a path may point out of the box and is cut there. */
    function farthest(): Split {
      let reached = -1
      let reachedX = 0
      for (let d = forwardHigh; d >= forwardLow; d -= 2) {
        const x = Math.min(forward[origin + d]!, a1, b1 + d)
        if (x + x - d > reached) {
          reached = x + x - d
          reachedX = x
        }
      }
      let left = FAR
      let leftX = 0
      for (let d = backwardHigh; d >= backwardLow; d -= 2) {
        const x = Math.max(backward[origin + d]!, a0, b0 + d)
        if (x + x - d < left) {
          left = x + x - d
          leftX = x
        }
      }
      return a1 + b1 - left < reached - (a0 + b0)
        ? { x: reachedX, y: reached - reachedX, firstIsShort: true, secondIsShort: false }
        : { x: leftX, y: left - leftX, firstIsShort: false, secondIsShort: true }
    }
  }
}
