import { StmError } from './errors.ts'

/**
 * Plain data: what refs hold, what operations carry, what is stored and sent.
 * Numbers are finite or not, but never -0 apart from 0; strings are well-formed Unicode; objects are plain.
 */
export type Value =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | readonly Value[]
  | { readonly [key: string]: Value }

const LONE_SURROGATE = /\p{Surrogate}/u
const MAX_DEPTH = 64

/**
 * Returns a deeply frozen private copy of `input`, so that what the app does later to its own object changes nothing here.
 *
 * Throws `StmError` `invalid-value`, naming the path, for what other replicas would not get back as it was: undefined,
 * functions, symbols, bigints, Date, Map, Set, class instances, sparse arrays, cycles, lone surrogates, more than 64 levels.
 * Cost: one walk over the value; an already frozen copy is returned as it is.
 */
export function toValue(input: unknown, path = 'value'): Value {
  return copy(input, path, 0)
}

/** Copies made by `toValue`: immutable through and through, so they are shared and not copied again. */
const copies = new WeakSet<object>()

function copy(input: unknown, path: string, depth: number): Value {
  switch (typeof input) {
    case 'string':
      if (LONE_SURROGATE.test(input)) throw unfit(path, 'a string with half of a surrogate pair', 'Cut text between characters')
      return input
    case 'number':
      return Object.is(input, -0) ? 0 : input
    case 'boolean':
      return input
    case 'object':
      break
    default:
      throw unfit(path, input === undefined ? 'undefined' : `a ${typeof input}`, 'Use null, or leave the key out')
  }
  if (input === null) return null
  if (copies.has(input)) return input as Value
  if (depth > MAX_DEPTH) throw unfit(path, `nested more than ${MAX_DEPTH} levels deep, or a cycle`, 'Store references by id')
  if (input instanceof Uint8Array) {
    // A view may belong to a large buffer, which would travel along.
    return input.slice()
  }
  const prototype: unknown = Object.getPrototypeOf(input)
  if (Array.isArray(input)) {
    const result: Value[] = []
    for (let i = 0; i < input.length; i++) {
      if (!(i in input)) throw unfit(`${path}[${i}]`, 'a hole in an array', 'Use null')
      result.push(copy(input[i], `${path}[${i}]`, depth + 1))
    }
    copies.add(result)
    return Object.freeze(result)
  }
  if (prototype !== Object.prototype && prototype !== null) {
    const name = (prototype as { constructor?: { name?: string } }).constructor?.name ?? 'an unknown class'
    throw unfit(path, `an instance of ${name}`, 'Use plain objects, arrays, strings, numbers, booleans, null and Uint8Array')
  }
  const result: Record<string, Value> = {}
  for (const key of Object.keys(input)) {
    if (LONE_SURROGATE.test(key)) throw unfit(path, 'a key with half of a surrogate pair', 'Cut text between characters')
    setKey(result, key, copy((input as Record<string, unknown>)[key], `${path}.${key}`, depth + 1))
  }
  copies.add(result)
  return Object.freeze(result)
}

function unfit(path: string, what: string, instead: string): StmError {
  return new StmError('invalid-value', `${path} is ${what}, which cannot be stored and synced as it is. ${instead}.`)
}

/** Sets an own, enumerable key, also when it is `__proto__`. */
export function setKey<T>(object: Record<string, T>, key: string, value: T): void {
  if (key === '__proto__') {
    Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true })
  } else {
    object[key] = value
  }
}

/** Whether two values are the same data. Key order does not matter; NaN equals NaN. */
export function equalValues(a: unknown, b: unknown): boolean {
  if (Object.is(a, b) || a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (a instanceof Uint8Array || b instanceof Uint8Array) {
    if (!(a instanceof Uint8Array && b instanceof Uint8Array) || a.length !== b.length) return false
    return a.every((byte, i) => byte === b[i])
  }
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false
    return a.every((item, i) => equalValues(item, b[i]))
  }
  const keys = Object.keys(a)
  if (keys.length !== Object.keys(b).length) return false
  return keys.every(
    (key) => Object.hasOwn(b, key) && equalValues((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]),
  )
}

/** An upper bound of the bytes that a value takes when encoded. */
export function valueSizeBytes(value: Value): number {
  if (typeof value === 'string') return value.length * 3 + 5
  if (typeof value !== 'object' || value === null) return 9
  if (value instanceof Uint8Array) return value.length + 5
  let bytes = 5
  if (Array.isArray(value)) {
    for (const item of value as readonly Value[]) bytes += valueSizeBytes(item)
  } else {
    for (const [key, item] of Object.entries(value)) bytes += key.length * 3 + 5 + valueSizeBytes(item)
  }
  return bytes
}
