import type { ListItem, ListKeys } from '@syncline/stm'
import { generateKeyBetween, generateNKeysBetween } from 'fractional-indexing'

/**
 * Sort keys: strings of digits and letters that leave room between any two, compared by code units.
 *
 * After David Greenspan, "Implementing Fractional Indexing", 2020, with `fractional-indexing` for the arithmetic. A key is
 * spot + mark + step: a key between the neighbours, six digits drawn from the seed of the transaction, and the place within the run of
 * keys that the transaction puts there. So two writers who insert at one spot at the same time get different keys; and all keys of
 * one run, but no key that was made without having seen the run, begin with its spot + mark: runs stay contiguous.
 */
const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** Digits of steps. Without '0' no step, and so no key, ends in a digit that could not be told from its absence. */
const STEP_DIGITS = DIGITS.slice(1)
/** What steps begin with, by how long their whole part is. */
const STEP_HEADS = DIGITS.slice(10)

/** 62⁶ marks: two runs at one spot share theirs once in 57 billion. */
const MARK_LENGTH = 6

/** Keys this long are made anew, neighbours included. */
const LONGEST_KEY = 128

/** Keys that are made anew should be no longer than this, or they would soon be made anew again. */
const ROOMY = 64

/** Entries are all there are on a side, or at least so many: past the last of them there may be more. */
export const REACH = 64

/**
 * Keys for `count` items before `entries[index]`, ascending and contiguous, and new keys for neighbours that had to make room: those
 * whose keys are equal, cannot be keys, or would make the new ones 128 bytes long.
 *
 * `entries` holds what is near: all items of the list, or at least 64 on each side of the index. When the result is cramped, ask again
 * with all of them: a wide range has room for long, a narrow one not.
 */
export function keysFor(entries: readonly ListItem[], index: number, count: number, seed: string): ListKeys {
  if (count === 0) return { keys: [], rekeyed: [] }
  const mark = markOf(seed)
  const direct = run(entries[index - 1]?.key, entries[index]?.key, count, mark)
  if (direct !== undefined && fit(direct)) return { keys: direct, rekeyed: [] }
  const room = makeRoom(entries, index, count, mark)
  if (direct !== undefined && !fit(room.keys) && longest(room.keys) + ROOMY > longest(direct)) {
    return { keys: direct, rekeyed: [] }
  }
  const before = index - room.from
  const moved = entries.slice(room.from, room.to)
  return {
    keys: room.keys.slice(before, before + count),
    rekeyed: moved.map(({ id }, i) => ({ id, key: room.keys[i < before ? i : i + count]! })),
  }
}

/** Whether a narrow range had no room: something was re-keyed, or a key is too long. */
export function isCramped({ keys, rekeyed }: ListKeys): boolean {
  return rekeyed.length > 0 || !fit(keys)
}

/** Whether keys are short enough to be left alone. */
function fit(keys: readonly string[]): boolean {
  return longest(keys) < LONGEST_KEY
}

function longest(keys: readonly string[]): number {
  return keys.reduce((most, { length }) => Math.max(most, length), 0)
}

interface Room {
  readonly from: number
  readonly to: number
  /** For the entries from `from` to `to` and the new items among them. */
  readonly keys: readonly string[]
}

/** New keys for as few entries around the index as will do, or else for all that may be. */
function makeRoom(entries: readonly ListItem[], index: number, count: number, mark: string): Room {
  let found: Room | undefined
  for (let reach = 1; ; reach *= 2) {
    // The outermost of a side that may go on stays where it is, to hold what is beyond it apart.
    const from = Math.max(index >= REACH ? 1 : 0, index - reach)
    const to = Math.min(entries.length - (entries.length - index >= REACH ? 1 : 0), index + reach)
    const keys = run(entries[from - 1]?.key, entries[to]?.key, to - from + count, mark)
    if (keys !== undefined) found = { from, to, keys }
    if ((keys !== undefined && longest(keys) <= ROOMY) || reach >= entries.length) break
  }
  if (found !== undefined) return found
  // Equal or malformed keys wherever we look: everything after the last good one that precedes gets a new one.
  const last = entries.slice(0, index).findLastIndex(({ key }) => isKey(key))
  const keys = run(entries[last]?.key, undefined, entries.length - last - 1 + count, mark)!
  return { from: last + 1, to: entries.length, keys }
}

/** A run of keys between two, undefined when there is no room or these are no keys. */
function run(low: string | undefined, high: string | undefined, count: number, mark: string): string[] | undefined {
  if ((low !== undefined && !isKey(low)) || (high !== undefined && !isKey(high))) return undefined
  if (low !== undefined && high !== undefined && low >= high) return undefined
  const joined = join(low, high, count, mark)
  if (joined !== undefined) return joined
  const prefix = spotBetween(low, high) + mark
  return generateNKeysBetween(null, null, count, STEP_DIGITS, STEP_HEADS).map((step) => prefix + step)
}

/** Further keys of a run that the same transaction began beside here; undefined when there is none. */
function join(low: string | undefined, high: string | undefined, count: number, mark: string): string[] | undefined {
  const prefix = runOf(low, mark) ?? runOf(high, mark)
  if (prefix === undefined) return undefined
  const after = low?.startsWith(prefix) ? low.slice(prefix.length) : null
  const before = high?.startsWith(prefix) ? high.slice(prefix.length) : null
  if ((after !== null && !isStep(after)) || (before !== null && !isStep(before))) return undefined
  return generateNKeysBetween(after, before, count, STEP_DIGITS, STEP_HEADS).map((step) => prefix + step)
}

function runOf(key: string | undefined, mark: string): string | undefined {
  const at = key === undefined ? -1 : key.lastIndexOf(mark)
  return at < 1 ? undefined : key!.slice(0, at + mark.length)
}

/** A key strictly between two such that everything that begins with it is between them too. */
function spotBetween(low: string | undefined, high: string | undefined): string {
  const near = low !== undefined && high !== undefined ? beside(low, high) : undefined
  if (near !== undefined) return near
  // Before all others: one whole step down, not into what little is left below the first.
  const first = low === undefined && high !== undefined ? high.slice(0, wholeLength(high)) : undefined
  let spot = generateKeyBetween(low, first === undefined || first === SMALLEST ? high : first)
  while (high?.startsWith(spot)) spot = generateKeyBetween(spot, high)
  return spot
}

/**
 * A spot close to the longer of two keys. Who inserts again and again at one spot always inserts beside the key made last, which is the
 * longer one. Halving the gap would use it up in six insertions for each digit; one step of the second digit that
 * differs leaves room for thousands.
 */
function beside(low: string, high: string): string | undefined {
  if (low.length === high.length) return undefined
  let common = 0
  while (low[common] === high[common] && common < low.length) common += 1
  const length = common + 2
  const spot = low.length > high.length ? stepFrom(low, length, 1) : stepFrom(high, length, -1)
  if (spot === undefined || !hasWholePart(spot)) return undefined
  return low < spot && !low.startsWith(spot) && spot < high && !high.startsWith(spot) ? spot : undefined
}

/** A key cut to some digits, and counted one up or down. */
function stepFrom(key: string, length: number, by: 1 | -1): string | undefined {
  const digits = Array.from(key.slice(0, length).padEnd(length, '0'), (digit) => DIGITS.indexOf(digit))
  for (let i = length - 1; i > 0; i--) {
    const digit = digits[i]! + by
    if (digit >= 0 && digit < DIGITS.length) {
      digits[i] = digit
      return digits.map((at) => DIGITS[at]).join('')
    }
    digits[i] = by > 0 ? 0 : DIGITS.length - 1
  }
  return undefined
}

/** Whether this may stand as the key of an item: digits and letters. Others are ignored, so every key that stands can be compared. */
export function isSortKey(key: unknown): key is string {
  return typeof key === 'string' && SORT_KEY.test(key)
}

const SORT_KEY = /^[0-9A-Za-z]+$/
const KEY = /^[A-Za-z][0-9A-Za-z]+$/
const STEP = /^[A-Za-z][1-9A-Za-z]+$/

/** Whether the arithmetic takes this as a key: a whole part as long as its first letter says, and no '0' at the end of the rest. */
function isKey(key: string): boolean {
  return (
    KEY.test(key) && hasWholePart(key) && key !== SMALLEST && (!key.endsWith('0') || key.length === wholeLength(key))
  )
}

function isStep(step: string): boolean {
  return (
    STEP.test(step) &&
    hasWholePart(step) &&
    step !== SMALLEST_STEP &&
    (!step.endsWith('1') || step.length === wholeLength(step))
  )
}

function hasWholePart(key: string): boolean {
  return key.length >= wholeLength(key)
}

/** The length of the whole part: 2 for 'a' and 'Z', 27 for 'z' and 'A'. */
function wholeLength(key: string): number {
  const head = key.charCodeAt(0)
  return head >= 97 ? head - 97 + 2 : 90 - head + 2
}

const SMALLEST = `A${'0'.repeat(26)}`
const SMALLEST_STEP = `A${'1'.repeat(26)}`

/** The mark of a transaction: six digits that depend on all of its seed. */
function markOf(seed: string): string {
  let mark = ''
  for (let half = 1; half <= 2; half++) {
    let hash = hashOf(seed, half)
    for (let i = 0; i < MARK_LENGTH / 2; i++) {
      mark += DIGITS[hash % DIGITS.length]
      hash = Math.floor(hash / DIGITS.length)
    }
  }
  return mark
}

/** FNV-1a, with the final mixing of MurmurHash3, so that seeds that differ in one character differ in all bits. */
function hashOf(text: string, start: number): number {
  let hash = Math.imul(0x811c9dc5, start)
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
