import { equalValues, type Value } from '@syncline/stm'
import type { ByteReader } from './reader.ts'
import { readValue, roomFor, writeValue } from './value.ts'
import type { ByteWriter } from './writer.ts'

/** Each stands where the tag of a value would stand. */
const SAME = 10
const ALIKE = 11
const PLUS = 12

/**
 * Only so few items are compared: few bytes never stand for much that is put together anew. What is alike is no deeper than what it is like, so levels
 * are counted where a value is written as it is.
 */
const MOST_ITEMS = 64

/**
 * Writes a value that comes after another one of its kind, so that what both have in common costs next to nothing: a byte where they are the same, and
 * of two arrays of one length one for each item that is. Says whether they are the same: of arrays that is known when all items are written, so nothing is looked at twice.
 */
export function writeLike(out: ByteWriter, value: Value, before: Value, levels = 0): boolean {
  const begun = out.length
  let same = value === before
  if (!same && areAlike(value, before)) {
    same = true
    out.byte(ALIKE)
    for (let i = 0; i < value.length; i++) {
      same = writeLike(out, value[i]!, (before as readonly Value[])[i]!, levels + 1) && same
    }
    if (same) out.cut(begun)
  } else if (!same && !(same = isSame(value, before))) {
    const more = moreThan(value, before)
    if (more > 0) {
      out.byte(PLUS)
      out.varuint(more)
    } else writeValue(out, value, levels)
  }
  if (same) out.byte(SAME)
  return same
}

/** Reads a value that comes after `before`. What is the same is the very same. What could be said shorter is refused: each has one encoding there. */
export function readLike(input: ByteReader, before: Value, levels = 0): Value {
  const token = input.next()
  if (token < SAME) {
    const value = readValue(input, levels)
    if (!isSame(value, before) && !(moreThan(value, before) > 0) && !areAlike(value, before)) return value
  } else {
    input.byte()
    if (token === SAME) return before
    if (token === PLUS && isWhole(before)) {
      const value = before + input.varuint()
      if (isWhole(value) && value > before) return value
    }
    if (token === ALIKE && areAlike(before, before)) {
      // Not by copying, which engines are slow at where what is copied is frozen.
      const items = roomFor(before.length)
      for (let i = 0; i < before.length; i++) items[i] = readLike(input, before[i]!, levels + 1)
      if (!isSame(items, before)) return Object.freeze(items)
    }
  }
  throw input.malformed('an operation that says again what the one before it says')
}

function isSame(value: Value, before: Value): boolean {
  if (value === before) return true
  if (!areAlike(value, before)) return typeof value === typeof before && equalValues(value, before)
  for (let i = 0; i < value.length; i++) if (!isSame(value[i]!, (before as readonly Value[])[i]!)) return false
  return true
}

function isWhole(value: Value): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

/** How much greater a whole number is than another one, as times and counts are; nothing above 0 for all else. */
function moreThan(value: Value, before: Value): number {
  return isWhole(value) && isWhole(before) ? value - before : 0
}

function areAlike(value: Value, before: Value): value is readonly Value[] {
  return (
    Array.isArray(value) &&
    Array.isArray(before) &&
    value.length === before.length &&
    value.length > 0 &&
    value.length <= MOST_ITEMS
  )
}
