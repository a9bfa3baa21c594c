import type { Value } from '@syncline/stm'
import { decodeValue, encodeValue, MAX_VALUE_LEVELS } from '@syncline/protocol'
import { describe, expect, test } from 'vitest'
import { codeOf } from './attempt.ts'

function nested(levels: number): Value {
  let value: Value = 0
  for (let i = 0; i < levels; i++) value = i % 2 === 0 ? [value] : { a: value }
  return value
}

function bytes(...of: number[]): Uint8Array {
  return Uint8Array.from(of)
}

describe('values', () => {
  test('[VA1] equal data gives equal bytes, whatever order the keys were set in', () => {
    expect(encodeValue({ a: 1, b: { c: 2, d: 3 } })).toEqual(encodeValue({ b: { d: 3, c: 2 }, a: 1 }))
    expect(encodeValue(-0)).toEqual(encodeValue(0))
    const nan = new Float64Array(1)
    new BigUint64Array(nan.buffer)[0] = 0xfff8_0000_0000_0001n
    expect(encodeValue(nan[0]!)).toEqual(encodeValue(NaN))
  })

  test('[VA2] what is decoded is frozen, and independent of the bytes it came from', () => {
    const encoded = encodeValue({ list: [bytes(1, 2)], text: 'a' })
    const value = decodeValue(encoded) as { list: [Uint8Array] }
    encoded.fill(0xff)
    expect(value).toEqual({ list: [bytes(1, 2)], text: 'a' })
    expect(Object.isFrozen(value) && Object.isFrozen(value.list)).toBe(true)
    expect(value.list[0].buffer.byteLength).toBe(2)
  })

  test('[VA2] bytes read out of a Node buffer are plain bytes of their own', () => {
    const pool = Buffer.alloc(64)
    const encoded = encodeValue([bytes(1, 2, 3), 0.5, 'ä'])
    pool.set(encoded, 10)
    const [inner, half, text] = decodeValue(pool.subarray(10, 10 + encoded.length)) as [Uint8Array, number, string]
    expect(inner.constructor).toBe(Uint8Array)
    expect(inner.buffer.byteLength).toBe(3)
    expect([half, text]).toEqual([0.5, 'ä'])
  })

  test.each<[string, number[]]>([
    ['a number that is padded', [3, 0x80, 0x00]],
    ['a number above 2^53 - 1', [3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x10]],
    ['a number of nine bytes', [3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]],
    ['a number below -(2^53 - 1)', [4, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]],
    ['a whole number as a float', [5, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]],
    ['minus zero', [5, 0, 0, 0, 0, 0, 0, 0, 0x80]],
    ['another NaN', [5, 1, 0, 0, 0, 0, 0, 0xf8, 0x7f]],
    ['a negative NaN', [5, 0, 0, 0, 0, 0, 0, 0xf8, 0xff]],
    ['keys out of order', [9, 2, 1, 0x62, 0, 1, 0x61, 0]],
    ['a key twice', [9, 2, 1, 0x61, 0, 1, 0x61, 0]],
    ['an unknown tag', [10]],
    ['bytes after the value', [0, 0]],
    ['ill-formed UTF-8', [6, 1, 0xff]],
  ])('[VA3] %s is refused', (_, input) => {
    expect(codeOf(() => decodeValue(bytes(...input)))).toBe('malformed')
  })

  test.each<[string, number[]]>([
    ['nothing', []],
    ['a text longer than what is there', [6, 2, 0x61]],
    ['an array of 2^40 items', [8, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20]],
    ['an object of one key in one byte', [9, 1, 0]],
    ['half a float', [5, 0, 0, 0, 0]],
  ])('[VA3] %s is truncated', (_, input) => {
    expect(codeOf(() => decodeValue(bytes(...input)))).toBe('truncated')
  })

  test('[VA4] 80 levels are taken and one more is not, both ways', () => {
    const deepest = nested(MAX_VALUE_LEVELS)
    expect(decodeValue(encodeValue(deepest))).toEqual(deepest)
    expect(codeOf(() => encodeValue(nested(MAX_VALUE_LEVELS + 1)))).toBe('too-large')
    const encoded = bytes(...Array.from({ length: MAX_VALUE_LEVELS }, () => [8, 1]).flat(), 0)
    expect(codeOf(() => decodeValue(encoded))).toBeUndefined()
    expect(codeOf(() => decodeValue(bytes(8, 1, ...encoded)))).toBe('too-large')
    const thousands = new Uint8Array(200_001).map((_, i) => (i === 200_000 ? 0 : i % 2 === 0 ? 8 : 1))
    expect(codeOf(() => decodeValue(thousands))).toBe('too-large')
  })

  test('[VA5] a key may have any name, and touches no prototype', () => {
    const value = JSON.parse('{"__proto__": {"polluted": 1}, "constructor": {"prototype": 2}, "toString": 3}') as Value
    const decoded = decodeValue(encodeValue(value)) as Record<string, Value>
    expect(Object.keys(decoded).sort()).toEqual(['__proto__', 'constructor', 'toString'])
    expect(Object.getOwnPropertyDescriptor(decoded, '__proto__')?.value).toEqual({ polluted: 1 })
    expect(Object.getPrototypeOf(decoded)).toBe(Object.prototype)
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })

  test.each<[string, unknown]>([
    ['undefined', undefined],
    ['a function', () => 1],
    ['a bigint', 1n],
    ['a Map', new Map([[1, 2]])],
    ['a Date', new Date(0)],
    ['a hole in an array', Object.assign([], { 1: 'b' })],
    ['half of a surrogate pair', 'a\ud800'],
    ['the other half', '\udc00'],
    ['two first halves', '\ud800\ud800'],
    ['half a pair in a key', { '\udfff': 1 }],
  ])('[VA6] %s is not encoded', (_, input) => {
    expect(codeOf(() => encodeValue(input as Value))).toBe('malformed')
  })
})
