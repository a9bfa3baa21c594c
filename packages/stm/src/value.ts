import { StmError } from './errors.ts'

/**
 * Plain data: what refs hold, what operations carry, what is stored and sent.
 * Numbers may be NaN and infinite; -0 is 0. Strings are well-formed Unicode. Objects are plain.
 */
export type Value = null | boolean | number | string | Uint8Array | readonly Value[] | { readonly [key: string]: Value }

const LONE_SURROGATE = /\p{Surrogate}/u

/** Texts below this length are looked at unit by unit: to ask a regular expression costs as much as thirty of them. */
const SHORT = 128

/** Whether a text has half of a surrogate pair in it. */
function isCut(text: string): boolean {
  if (text.length > SHORT) return LONE_SURROGATE.test(text)
  for (let i = 0; i < text.length; i++) {
    if ((text.charCodeAt(i) & 0xf800) === 0xd800) return LONE_SURROGATE.test(text)
  }
  return false
}

/**
 * Whether something is data as it is: a well-formed text, a number other than -0, true, false or null. Most values are, and `toValue` gives them
 * back.
 *
 * @example
 * import { isScalar } from '@syncline/stm'
 *
 * expect([isScalar('text'), isScalar(7), isScalar(-0), isScalar('\ud800'), isScalar([])]).toEqual([true, true, false, false, false])
 */
export function isScalar(input: unknown): input is string | number | boolean | null {
  switch (typeof input) {
    case 'string':
      return !isCut(input)
    case 'number':
      return input !== 0 || Object.is(input, 0)
    case 'boolean':
      return true
    default:
      return input === null
  }
}

/** Arrays and objects inside one another. Encoders take somewhat more, so that a value always fits into an operation. */
const MAX_LEVELS = 64

/**
 * The arrays and objects made by `toValue`, and how many levels each has. They are immutable through and through, so they are shared
 * and not copied again.
 */
const levelsOfCopies = new WeakMap<object, number>()

/**
 * Returns a deeply frozen private copy of `input`, so that what the app does later to its own object changes nothing here.
 * Bytes are copied too, but JavaScript cannot freeze them: do not write into bytes that you have read.
 *
 * Throws `StmError` `invalid-value`, naming the place by `path`, for what other replicas would not get back as it was: undefined, functions,
 * symbols, bigints, Date, Map, Set, instances of classes, holes in arrays, halves of surrogate pairs, cycles, more than 64 levels. What
 * is not an own enumerable property with a string key is left out, as `JSON.stringify` does.
 *
 * Cost: one walk over the value. What was returned before is not walked again, also inside of something new.
 *
 * @example
 * const mine = { tags: ['new'] }
 * const value = toValue(mine, 'the card')
 * mine.tags.push('changed')
 * expect(value).toEqual({ tags: ['new'] })
 * expect(() => toValue({ due: new Date() }, 'the card')).toThrow('the card.due is an instance of Date')
 */
export function toValue(input: unknown, path = 'value'): Value {
  return copy(input, 0, path, [])
}

/** `trail` holds the keys that lead from `path` to the input. */
function copy(input: unknown, depth: number, path: string, trail: (string | number)[]): Value {
  switch (typeof input) {
    case 'string':
      if (isCut(input)) throw unfit(path, trail, 'a string with half of a surrogate pair', CUT_TEXT)
      return input
    case 'number':
      return input === 0 ? 0 : input
    case 'boolean':
      return input
    case 'object':
      return input === null ? null : copyObject(input, depth, path, trail)
    case 'undefined':
      throw unfit(path, trail, 'undefined', 'Use null, or leave the key out')
    case 'bigint':
      throw unfit(path, trail, 'a bigint', 'Use a number, or its digits as a string')
    default:
      throw unfit(path, trail, `a ${typeof input}`, PLAIN_ONLY)
  }
}

function copyObject(input: object, depth: number, path: string, trail: (string | number)[]): Value {
  const known = levelsOfCopies.get(input)
  if (known === undefined && isBytes(input)) {
    // Not `slice`: of a Buffer it is a view, and a view drags along the whole memory that it belongs to.
    return new Uint8Array(input)
  }
  if (depth + (known ?? 1) > MAX_LEVELS) {
    throw unfit(
      path,
      trail,
      `nested more than ${MAX_LEVELS} levels deep, or in a cycle`,
      'Refer to other data by its id',
    )
  }
  if (known !== undefined) return input as Value
  let levels = 1
  const inside = (value: unknown, key: string | number): Value => {
    trail.push(key)
    const copied = copy(value, depth + 1, path, trail)
    trail.pop()
    if (typeof copied === 'object' && copied !== null) levels = Math.max(levels, 1 + (levelsOfCopies.get(copied) ?? 0))
    return copied
  }
  let result: Value
  if (Array.isArray(input)) {
    const items: Value[] = []
    for (let i = 0; i < input.length; i++) {
      if (!(i in input)) throw unfit(path, [...trail, i], 'a hole in an array', 'Use null')
      items.push(inside(input[i], i))
    }
    result = items
  } else {
    if (!isPlain(input)) throw unfit(path, trail, `an instance of ${className(input)}`, PLAIN_ONLY)
    const object: Record<string, Value> = {}
    for (const key of Object.keys(input)) {
      if (isCut(key)) throw unfit(path, trail, 'an object with half of a surrogate pair in a key', CUT_TEXT)
      setKey(object, key, inside((input as Record<string, unknown>)[key], key))
    }
    result = object
  }
  levelsOfCopies.set(result, levels)
  return Object.freeze(result)
}

/** Also from another realm, where `Uint8Array` is another class. */
function isBytes(input: object): input is Uint8Array {
  return ArrayBuffer.isView(input) && Object.prototype.toString.call(input) === '[object Uint8Array]'
}

/** Whether nothing but `Object.prototype` is behind an object, be it that of another realm: a frame, or the sandbox of a test runner. */
function isPlain(input: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(input)
  return prototype === Object.prototype || prototype === null || Object.getPrototypeOf(prototype) === null
}

function className(input: object): string {
  const { name } = (input as { constructor?: { name?: unknown } }).constructor ?? {}
  return typeof name === 'string' && name !== '' ? name : 'a class without a name'
}

const PLAIN_ONLY = 'Use plain objects, arrays, strings, numbers, booleans, null and Uint8Array'
const CUT_TEXT = 'Cut text between characters'
const IDENTIFIER = /^[\p{ID_Start}_$][\p{ID_Continue}$]*$/u

function unfit(path: string, trail: readonly (string | number)[], what: string, instead: string): StmError {
  const place = trail.map((key) => {
    return typeof key === 'string' && IDENTIFIER.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`
  })
  return new StmError(
    'invalid-value',
    `${path}${place.join('')} is ${what}, which cannot be stored and synced as it is. ${instead}.`,
  )
}

/**
 * Sets an own, enumerable property, also when its key is `__proto__`, which an assignment would take as the prototype.
 *
 * @example
 * const object = {}
 * setKey(object, '__proto__', 1)
 * expect(Object.keys(object)).toEqual(['__proto__'])
 */
export function setKey<T>(object: Record<string, T>, key: string, value: T): void {
  if (key === '__proto__') {
    Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true })
  } else {
    object[key] = value
  }
}

/**
 * Whether two values are the same data: `Object.is` for what is not an array, plain object or bytes, except that 0 equals -0; key order
 * does not matter. Cost: one walk over the smaller of the two; nothing where they are the same object.
 *
 * @example
 * expect(equalValues({ a: 1, b: [NaN] }, { b: [NaN], a: 1 })).toBe(true)
 * expect(equalValues({ a: null }, {})).toBe(false)
 */
export function equalValues(a: unknown, b: unknown): boolean {
  if (a === b || Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (isBytes(a) || isBytes(b)) {
    return isBytes(a) && isBytes(b) && a.length === b.length && a.every((byte, i) => byte === b[i])
  }
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false
    return a.every((item, i) => equalValues(item, b[i]))
  }
  if (!isPlain(a) || !isPlain(b)) return false
  const keys = Object.keys(a)
  if (keys.length !== Object.keys(b).length) return false
  return keys.every(
    (key) =>
      Object.hasOwn(b, key) && equalValues((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]),
  )
}

/**
 * An upper bound of the bytes that a value takes when encoded. Cost: one walk over the value; strings are not looked into.
 *
 * @example
 * expect(valueSizeBytes(['four', 4])).toBe(5 + (3 * 4 + 5) + 9)
 */
export function valueSizeBytes(value: Value): number {
  if (typeof value === 'string') return textSizeBytes(value)
  if (typeof value !== 'object' || value === null) return 9
  if (value instanceof Uint8Array) return value.length + 5
  let bytes = 5
  if (Array.isArray(value)) {
    for (const item of value as readonly Value[]) bytes += valueSizeBytes(item)
  } else {
    const object = value as { readonly [key: string]: Value }
    for (const key of Object.keys(object)) bytes += textSizeBytes(key) + valueSizeBytes(object[key]!)
  }
  return bytes
}

/** UTF-8 takes three bytes at most for a UTF-16 code unit, and a length is told in five. */
function textSizeBytes(text: string): number {
  return text.length * 3 + 5
}
