import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { equalValues, setKey, toValue } from '../src/index.ts'
import { thrownBy } from './replica.ts'

test('[VA1] a value is a private copy, frozen through and through', () => {
  const bytes = new Uint8Array([1, 2])
  const mine = { list: [{ deep: 1 }], bytes }
  const value = toValue(mine) as typeof mine
  mine.list[0]!.deep = 2
  mine.list.push({ deep: 3 })
  bytes[0] = 9
  expect(value).toEqual({ list: [{ deep: 1 }], bytes: new Uint8Array([1, 2]) })
  expect([value, value.list, value.list[0]].map((object) => Object.isFrozen(object))).toEqual([true, true, true])
})

test('[VA1] bytes are copied without the memory that they are a view of', () => {
  const memory = new Uint8Array(1000).fill(7)
  for (const view of [memory.subarray(10, 12), Buffer.from(memory.buffer, 10, 2)]) {
    const copy = toValue(view) as Uint8Array
    expect(copy).toEqual(new Uint8Array([7, 7]))
    expect(copy.buffer).not.toBe(memory.buffer)
    expect(copy.buffer.byteLength).toBe(2)
    expect(Object.getPrototypeOf(copy)).toBe(Uint8Array.prototype)
  }
  const shared = new Uint8Array(new SharedArrayBuffer(3))
  expect((toValue(shared) as Uint8Array).buffer).toBeInstanceOf(ArrayBuffer)
})

test('[VA2] what cannot be synced is refused by its path, with what it is and what to do', () => {
  class Point {
    readonly x = 1
  }
  const sparse = [1]
  sparse[2] = 3
  const nameless = Object.create({ inherited: 1 }) as object
  const refused: readonly (readonly [unknown, string])[] = [
    [undefined, 'value is undefined, which cannot be stored and synced as it is. Use null, or leave the key out.'],
    [{ a: [undefined] }, 'value.a[0] is undefined'],
    [() => 1, 'value is a function'],
    [{ 'two words': Symbol('s') }, 'value["two words"] is a symbol'],
    [[[1n]], 'value[0][0] is a bigint, which cannot be stored and synced as it is. Use a number, or its digits'],
    [{ due: new Date(0) }, 'value.due is an instance of Date'],
    [new Map(), 'value is an instance of Map'],
    [new Set(), 'value is an instance of Set'],
    [new Point(), 'value is an instance of Point'],
    [new (class {})(), 'value is an instance of a class without a name'],
    [nameless, 'value is an instance of Object'],
    [new Float32Array(1), 'value is an instance of Float32Array'],
    [new DataView(new ArrayBuffer(1)), 'value is an instance of DataView'],
    [new ArrayBuffer(1), 'value is an instance of ArrayBuffer'],
    [Promise.resolve(), 'value is an instance of Promise'],
    [new Error('no'), 'value is an instance of Error'],
    [new String('no'), 'value is an instance of String'],
    [sparse, 'value[1] is a hole in an array'],
    ['a\ud800', 'value is a string with half of a surrogate pair'],
    [{ in: { '\udc00': 1 } }, 'value.in is an object with half of a surrogate pair in a key'],
  ]
  for (const [input, message] of refused) {
    const error = thrownBy(() => toValue(input))
    expect(error.code).toBe('invalid-value')
    expect(error.message).toContain(message)
    expect(error.message).toMatch(/\. [A-Z].+\.$/)
  }
  expect(thrownBy(() => toValue({ x: undefined }, '"settings"')).message).toContain('"settings".x is undefined')
})

test('[VA3] 64 levels are taken, 65 are refused, in one piece or put together', () => {
  const nested = (levels: number): unknown => Array.from({ length: levels }).reduce((inner: unknown) => [inner], 0)
  expect(toValue(nested(64))).toEqual(nested(64))
  expect(thrownBy(() => toValue(nested(65))).message).toContain('nested more than 64 levels deep')
  let value = toValue({})
  for (let levels = 2; levels <= 64; levels++) value = toValue({ value })
  expect(thrownBy(() => toValue({ value })).message).toContain('value.value is nested more than 64 levels deep')
  expect(thrownBy(() => toValue([1, [value]])).code).toBe('invalid-value')
})

test('[VA3] a cycle is refused', () => {
  const self: Record<string, unknown> = {}
  self.self = self
  const ring: unknown[] = [[]]
  ;(ring[0] as unknown[]).push(ring)
  for (const cycle of [self, ring]) expect(thrownBy(() => toValue(cycle)).message).toContain('or in a cycle')
})

test('[VA4] -0 is 0; NaN and the infinities stay', () => {
  expect(Object.is((toValue([-0]) as number[])[0], 0)).toBe(true)
  expect(toValue([NaN, Infinity, -Infinity])).toEqual([NaN, Infinity, -Infinity])
})

test('[VA4] a key may have any name, and none touches a prototype', () => {
  const hostile = JSON.parse('{"__proto__": {"polluted": true}, "constructor": 1, "": 2}') as object
  const value = toValue(hostile) as Record<string, unknown>
  expect(Object.keys(value)).toEqual(['__proto__', 'constructor', ''])
  expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
  expect('polluted' in value).toBe(false)
  const object: Record<string, number> = {}
  setKey(object, '__proto__', 1)
  setKey(object, '__proto__', 2)
  expect(Object.entries(object)).toEqual([['__proto__', 2]])
})

test('[VA4] plain objects of another realm, and without a prototype, are plain', () => {
  const foreign = runInNewContext('({ list: [1, { a: null }], bytes: new Uint8Array([5]) })') as object
  const value = toValue(foreign)
  expect(value).toEqual({ list: [1, { a: null }], bytes: new Uint8Array([5]) })
  expect((value as { readonly bytes: object }).bytes).toBeInstanceOf(Uint8Array)
  expect(toValue(Object.assign(Object.create(null), { a: 1 }))).toEqual({ a: 1 })
  expect(thrownBy(() => toValue(runInNewContext('new Map()'))).message).toContain('an instance of Map')
})

test('[VA4] symbols, keys that are not enumerable and extra keys of arrays are left out', () => {
  const input = Object.defineProperty({ a: 1, [Symbol('s')]: 2 }, 'hidden', { value: 3 })
  expect(toValue(input)).toEqual({ a: 1 })
  expect(Object.keys(toValue('ab'.match(/a/)) as object)).toEqual(['0'])
})

test('[VA5] a value is not copied again, also inside of something new', () => {
  const value = toValue({ list: [1] }) as { readonly list: readonly number[] }
  expect(toValue(value)).toBe(value)
  expect((toValue({ value }) as { readonly value: unknown }).value).toBe(value)
  expect(toValue(value.list)).toBe(value.list)
  const frozenByApp = Object.freeze({ inner: { open: 1 } })
  expect(toValue(frozenByApp)).not.toBe(frozenByApp)
})

test('[VA5] a value that was made before is not walked again', () => {
  const big = toValue(Array.from({ length: 1000 }, (_, i) => ({ i })))
  let reads = 0
  const counting = new Proxy([big], {
    get(target, key, receiver) {
      reads += 1
      return Reflect.get(target, key, receiver) as unknown
    },
  })
  toValue(counting)
  expect(reads).toBeLessThan(10)
})

test('[VA6] equality is of data', () => {
  const equal = [
    [NaN, NaN],
    [0, -0],
    [
      { a: 1, b: 2 },
      { b: 2, a: 1 },
    ],
    [new Uint8Array([1]), Buffer.from([1])],
    [[], []],
  ]
  const different = [
    [null, undefined],
    [1, '1'],
    [{}, []],
    [[], {}],
    [{ a: undefined }, {}],
    [{ a: undefined }, { b: undefined }],
    [{ toString: 1 }, {}],
    [{ a: 1 }, JSON.parse('{"__proto__": 1}')],
    [new Uint8Array([1]), [1]],
    [[1], new Uint8Array([1])],
    [new Uint8Array([1]), new Uint8Array([1, 2])],
    [[1, 2], [1]],
    [new Date(1), new Date(2)],
    [new Date(1), {}],
  ]
  for (const [a, b] of equal) expect([equalValues(a, b), equalValues(b, a)]).toEqual([true, true])
  for (const [a, b] of different) expect([equalValues(a, b), equalValues(b, a)]).toEqual([false, false])
})
