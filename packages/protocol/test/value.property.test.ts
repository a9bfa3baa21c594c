import { isDeepStrictEqual } from 'node:util'
import { toValue, type Value } from '@syncline/stm'
import { decodeValue, encodeValue } from '@syncline/protocol'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { value } from './arbitraries.ts'

/** The same data, its keys set in the opposite order. */
function turned(input: Value): Value {
  if (Array.isArray(input)) return input.map(turned)
  if (typeof input !== 'object' || input === null || input instanceof Uint8Array) return input
  const entries = Object.entries(input).reverse()
  const object = {}
  for (const [key, item] of entries) {
    Object.defineProperty(object, key, { value: turned(item), enumerable: true, configurable: true, writable: true })
  }
  return object
}

function isFrozen(input: Value): boolean {
  if (typeof input !== 'object' || input === null || input instanceof Uint8Array) return true
  return Object.isFrozen(input) && Object.values(input).every(isFrozen)
}

test('[VA2] every value comes back as toValue gives it', () => {
  fc.assert(
    fc.property(value, (input) => {
      const decoded = decodeValue(encodeValue(input))
      // Not `toStrictEqual`, which is misled by a key named "constructor".
      expect(isDeepStrictEqual(decoded, toValue(input))).toBe(true)
      expect(isFrozen(decoded)).toBe(true)
    }),
    { seed: 101, numRuns: 1000 },
  )
})

test('[VA1] the order of keys makes no difference', () => {
  let objects = 0
  fc.assert(
    fc.property(value, (input) => {
      if (typeof input === 'object') objects += 1
      expect(encodeValue(turned(input))).toEqual(encodeValue(input))
    }),
    { seed: 102, numRuns: 500 },
  )
  expect(objects).toBeGreaterThan(100)
})

test('[VA3] bytes that can be decoded are the bytes that encoding gives', () => {
  let decoded = 0
  fc.assert(
    fc.property(value, fc.nat(), fc.nat(255), (input, at, byte) => {
      const encoded = encodeValue(input)
      encoded[at % encoded.length] = byte
      let other: Value
      try {
        other = decodeValue(encoded)
      } catch {
        return
      }
      decoded += 1
      expect(encodeValue(other)).toEqual(encoded)
    }),
    { seed: 103, numRuns: 2000 },
  )
  expect(decoded).toBeGreaterThan(200)
})
