import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { equalValues, toValue, valueSizeBytes, type Value } from '../src/index.ts'

const text = fc.string({ unit: 'grapheme', maxLength: 6 })
const values = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'medium', withCrossShrink: true },
    fc.oneof(fc.constantFrom(null, true, false, 0, 1, NaN, Infinity), fc.double(), fc.integer(), text),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.oneof(text, fc.constantFrom('__proto__', 'a', 'b')), tie('value'), { maxKeys: 4 }),
    fc.uint8Array({ maxLength: 3 }),
  ),
})).value

/** The same data made of other objects, with keys set in the opposite order. */
function rebuilt(input: unknown): unknown {
  if (Array.isArray(input)) return input.map(rebuilt)
  if (input instanceof Uint8Array) return input.slice()
  if (typeof input !== 'object' || input === null) return input
  return Object.fromEntries(
    Object.entries(input)
      .reverse()
      .map(([key, value]) => [key, rebuilt(value)]),
  )
}

/** Every object, array and leaf of a value. */
function parts(value: Value): Value[] {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return [value]
  return [value, ...(Object.values(value) as Value[]).flatMap(parts)]
}

/** One change somewhere in a value. */
function spoilt(input: unknown): unknown {
  if (Array.isArray(input)) return input.length === 0 ? [0] : input.with(0, spoilt(input[0]))
  if (input instanceof Uint8Array) return new Uint8Array(input.length + 1)
  if (typeof input !== 'object' || input === null) return `${String(input)}!`
  const [first] = Object.keys(input)
  if (first === undefined) return { added: 1 }
  return Object.fromEntries(Object.entries(input).map(([key, value]) => [key, key === first ? spoilt(value) : value]))
}

test('[VA1] [VA5] [VA6] copies are equal, frozen, and their own copies', () => {
  let objects = 0
  fc.assert(
    fc.property(values, (input) => {
      const value = toValue(input)
      expect(equalValues(value, input)).toBe(true)
      // A second opinion, apart from the sign of zero and the prototype of dictionaries.
      expect(isDeepStrictEqual(value, toValue(structuredClone(input)))).toBe(true)
      for (const part of parts(value)) {
        if (typeof part !== 'object' || part === null || part instanceof Uint8Array) continue
        objects += 1
        expect(Object.isFrozen(part)).toBe(true)
        expect(toValue(part)).toBe(part)
      }
    }),
    { seed: 11 },
  )
  expect(objects).toBeGreaterThan(100)
})

test('[VA6] equal is what is made of the same data in any order of keys, and nothing else', () => {
  fc.assert(
    fc.property(values, (input) => {
      expect(equalValues(input, rebuilt(input))).toBe(true)
      expect(equalValues(input, spoilt(input))).toBe(false)
      expect(equalValues(spoilt(input), input)).toBe(false)
    }),
    { seed: 12 },
  )
})

test('[VA7] the size is an upper bound of the text and bytes in a value', () => {
  const encoder = new TextEncoder()
  const leastBytes = (value: Value): number => {
    if (typeof value === 'string') return encoder.encode(value).length
    if (value instanceof Uint8Array) return value.length
    if (typeof value === 'number') return 8
    if (typeof value !== 'object' || value === null) return 1
    const keys = Array.isArray(value) ? [] : Object.keys(value)
    return [...keys, ...(Object.values(value) as Value[])].reduce<number>((sum, part) => sum + leastBytes(part), 1)
  }
  fc.assert(
    fc.property(values, (input) => {
      const value = toValue(input)
      expect(valueSizeBytes(value)).toBeGreaterThan(leastBytes(value))
    }),
    { seed: 13 },
  )
})
