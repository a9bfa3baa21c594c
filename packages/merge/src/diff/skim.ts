import type { Symbols } from './symbols.ts'

/** What of one side takes part in the search, and where it stands in the whole sequence. */
export interface Kept {
  readonly symbols: Symbols
  readonly places: Int32Array
}

interface Sides {
  readonly a: Symbols
  readonly b: Symbols
  /** How many items both have in common at their beginning. */
  readonly head: number
  /** And at their end. */
  readonly tail: number
  readonly symbolCount: number
  readonly skims: boolean
}

/** What an item means for the search. */
const WITHOUT_PARTNER = 0
const KEPT = 1
const FREQUENT = 2

/** Nothing is frequent that occurs less often than this on the other side, however short that is. */
const MOST_FREQUENT = 1024
/** So far an item looks around for neighbours without a partner. */
const NEIGHBOURHOOD = 100
/** At most a fourth of what stands around a frequent item that is left out is frequent too. */
const SHARE = 4

/**
 * Sets aside what the search need not look at, and marks it as changed: items that the other side does not have at all. With `skims` also
 * those that it has very often, where they stand in a run of the former: their partners would be found by accident.
 *
 * This, with its limits, is how GNU diff and git prepare a search (`discard_confusing_lines`, 1988; xdiff, 2003), and it is done so here
 * in order that merges fall out as people know them. It is also what makes texts that share little cheap.
 */
export function skim(sides: Sides, changedA: Uint8Array, changedB: Uint8Array): { readonly a: Kept; readonly b: Kept } {
  const { a, b, symbolCount } = sides
  const inA = occurrences(a, symbolCount)
  const inB = occurrences(b, symbolCount)
  return { a: keep(a, inB, sides, changedA), b: keep(b, inA, sides, changedB) }
}

function occurrences(symbols: Symbols, symbolCount: number): Int32Array {
  const counts = new Int32Array(symbolCount)
  for (let i = 0; i < symbols.length; i++) counts[symbols[i]!]!++
  return counts
}

function keep(symbols: Symbols, others: Int32Array, sides: Sides, changed: Uint8Array): Kept {
  const { head, tail, skims } = sides
  const end = symbols.length - tail
  const frequent = skims ? Math.min(roughRoot(symbols.length), MOST_FREQUENT) : Number.POSITIVE_INFINITY
  const kinds = new Uint8Array(end - head)
  for (let i = head; i < end; i++) {
    const count = others[symbols[i]!]!
    kinds[i - head] = count === 0 ? WITHOUT_PARTNER : count < frequent ? KEPT : FREQUENT
  }
  const places = new Int32Array(end - head)
  const kept = new Int32Array(end - head)
  let count = 0
  for (let i = 0; i < kinds.length; i++) {
    const kind = kinds[i]!
    if (kind === KEPT || (kind === FREQUENT && !isLost(kinds, i))) {
      places[count] = head + i
      kept[count++] = symbols[head + i]!
    } else changed[head + i] = 1
  }
  return { symbols: kept.subarray(0, count), places: places.subarray(0, count) }
}

/** Whether a frequent item stands between items without a partner, and most of what is around it, up to kept items, is of that kind. */
function isLost(kinds: Uint8Array, at: number): boolean {
  const before = around(kinds, at, -1)
  if (before.alone === 0) return false
  const after = around(kinds, at, 1)
  if (after.alone === 0) return false
  // The item itself counts in both directions.
  const frequent = before.frequent + after.frequent + 2
  return frequent * SHARE < frequent + before.alone + after.alone
}

function around(kinds: Uint8Array, at: number, step: 1 | -1): { readonly alone: number; readonly frequent: number } {
  let alone = 0
  let frequent = 0
  for (let far = 1; far <= NEIGHBOURHOOD; far++) {
    const kind = kinds[at + step * far]
    if (kind === undefined || kind === KEPT) break
    if (kind === FREQUENT) frequent++
    else alone++
  }
  return { alone, frequent }
}

/** A power of two that is the square root of `n` or up to twice of it. */
export function roughRoot(n: number): number {
  let root = 1
  for (let rest = n; rest > 0; rest >>= 2) root <<= 1
  return root
}
