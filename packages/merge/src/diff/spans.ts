import type { Symbols } from './symbols.ts'

/** A text that was cut: part `i` begins at `ends[i]` and ends at `ends[i + 1]`. */
interface Cut {
  readonly text: string
  readonly ends: Int32Array
}

/** Of each number: a hash, the text and the place in it where it was met first, its length, and which part of that text it is. */
const [HASH, TEXT, START, LENGTH, PART] = [0, 1, 2, 3, 4]
const FIELDS = 5

/** So many slots are looked through; what has no place in them is looked up by its text. So texts that were made to have one hash cost no more than others. */
const MOST_PROBES = 16

/** So far it is looked for where the first text goes on. */
const NEAR = 64

/**
 * Numbers parts of texts, equal ones alike, without making a string of each: of hundreds of thousands of lines the strings, and a Map of them, leave
 * the caches. What goes on as the first text does is compared with that, which is how nearly all of a changed text is. Cost: the characters.
 */
export function createSpanNumbers(next: () => number): (text: string, ends: Int32Array) => Symbols {
  const texts: string[] = []
  let entries: Int32Array = new Int32Array(64 * FIELDS)
  /** The place of an entry and one more, by hash; at most half of it is full. */
  let slots: Int32Array = new Int32Array(128)
  let count = 0
  /** By entry the number. */
  const numbers: number[] = []
  const crowded = new Map<string, number>()
  let first: (Cut & { readonly symbols: Symbols }) | undefined

  /** Where an entry is, or is to be; undefined where there is no room. */
  function slotOf(hash: number, text: string, start: number, length: number): number | undefined {
    const mask = slots.length - 1
    let slot = hash & mask
    for (let probe = 0; probe < MOST_PROBES; probe++) {
      const entry = slots[slot]! - 1
      if (entry < 0 || isEntry(entry, hash, text, start, length)) return slot
      slot = (slot + 1) & mask
    }
    return undefined
  }

  function isEntry(entry: number, hash: number, text: string, start: number, length: number): boolean {
    const at = entry * FIELDS
    if (entries[at + HASH] !== hash || entries[at + LENGTH] !== length) return false
    return areEqual(texts[entries[at + TEXT]!]!, entries[at + START]!, text, start, length)
  }

  function grow(): void {
    const more = new Int32Array(entries.length * 2)
    more.set(entries)
    entries = more
    slots = new Int32Array(slots.length * 2)
    crowded.clear()
    for (let entry = 0; entry < count; entry++) {
      const at = entry * FIELDS
      place(entry, entries[at + HASH]!, texts[entries[at + TEXT]!]!, entries[at + START]!, entries[at + LENGTH]!)
    }
  }

  function place(entry: number, hash: number, text: string, start: number, length: number): void {
    const slot = slotOf(hash, text, start, length)
    if (slot === undefined) crowded.set(text.slice(start, start + length), entry)
    else slots[slot] = entry + 1
  }

  function entryOf(text: string, start: number, end: number, part: number): number {
    const length = end - start
    const hash = hashOf(text, start, end)
    const slot = slotOf(hash, text, start, length)
    const found = slot === undefined ? crowded.get(text.slice(start, end)) : slots[slot]! - 1
    if (found !== undefined && found >= 0) return found
    const entry = count++
    if (entry * FIELDS === entries.length) grow()
    const at = entry * FIELDS
    entries[at + HASH] = hash
    entries[at + TEXT] = texts.length - 1
    entries[at + START] = start
    entries[at + LENGTH] = length
    entries[at + PART] = part
    numbers.push(next())
    place(entry, hash, text, start, length)
    return entry
  }

  return (text, ends) => {
    texts.push(text)
    const symbols = new Int32Array(ends.length - 1)
    /** The part of the first text that is to come next. */
    let expected = 0
    for (let i = 0; i < symbols.length; i++) {
      const start = ends[i]!
      const end = ends[i + 1]!
      if (first !== undefined && isPart(first, expected, text, start, end - start)) {
        symbols[i] = first.symbols[expected++]!
        continue
      }
      const entry = entryOf(text, start, end, i)
      symbols[i] = numbers[entry]!
      const at = entry * FIELDS
      const isNear = entries[at + TEXT] === 0 && Math.abs(entries[at + PART]! - expected) < NEAR
      expected = (isNear ? entries[at + PART]! : expected) + 1
    }
    first ??= { text, ends, symbols }
    return symbols
  }
}

function isPart({ text, ends }: Cut, part: number, other: string, start: number, length: number): boolean {
  const from = ends[part]!
  // Behind the last part this is NaN, which is no length.
  return ends[part + 1]! - from === length && areEqual(text, from, other, start, length)
}

function areEqual(a: string, inA: number, b: string, inB: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (a.charCodeAt(inA + i) !== b.charCodeAt(inB + i)) return false
  return true
}

/** The hash by which a part is looked up. */
export function hashOf(text: string, start: number, end: number): number {
  let hash = 0
  for (let i = start; i < end; i++) hash = Math.imul(hash, 0x01000193) ^ text.charCodeAt(i)
  const mixed = Math.imul(hash ^ (hash >>> 16), 0x2c1b3c6d)
  return mixed ^ (mixed >>> 15)
}
