import type { Value } from '@syncline/stm'
import { createSpanNumbers } from './spans.ts'

/** Items of sequences as numbers: two items are equal exactly when their numbers are. */
export type Symbols = Int32Array

/** Gives out the numbers of one comparison, from 0 on in the order in which items are met. */
export interface Numbering {
  /** How many numbers were given out. */
  count(): number
  of(items: readonly Value[]): Symbols
  /** Of the parts of a text, each from one end up to the next. All sequences of one comparison are numbered in one way. */
  ofParts(text: string, ends: Int32Array): Symbols
}

/**
 * A numbering for sequences that are to be compared with each other. Items are equal by value, as `equalValues` of `@syncline/stm` says it.
 * Cost: one look-up an item; an array or object is written out once for it.
 */
export function createNumbering(): Numbering {
  // A Map tells 1 from '1' and takes NaN for equal to itself; what has no identity of its own goes by how it is written.
  const plain = new Map<Value, number>()
  const written = new Map<string, number>()
  let next = 0
  const numberOf = <K>(known: Map<K, number>, key: K): number => {
    let found = known.get(key)
    if (found === undefined) known.set(key, (found = next++))
    return found
  }
  let ofParts: Numbering['ofParts'] | undefined
  return {
    count: () => next,
    ofParts: (text, ends) => (ofParts ??= createSpanNumbers(() => next++))(text, ends),
    of: (items) => {
      const symbols = new Int32Array(items.length)
      for (let i = 0; i < items.length; i++) {
        const item = items[i]!
        symbols[i] =
          typeof item === 'object' && item !== null ? numberOf(written, writtenOut(item)) : numberOf(plain, item)
      }
      return symbols
    },
  }
}

/** A text that two values share exactly when they are equal. Keys are sorted, for their order does not matter. */
export function writtenOut(value: Value): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value !== 'object' || value === null) return String(value === 0 ? 0 : value)
  if (value instanceof Uint8Array) return `<${value.join()}>`
  if (Array.isArray(value)) return `[${(value as readonly Value[]).map(writtenOut).join()}]`
  const object = value as { readonly [key: string]: Value }
  const entries = Object.keys(object)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${writtenOut(object[key]!)}`)
  return `{${entries.join()}}`
}
