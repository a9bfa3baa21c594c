import { setKey } from '@syncline/stm'
import type { Value } from '@syncline/stm'
import { ProtocolError } from './errors.ts'
import { MAX_VALUE_LEVELS } from './limits.ts'
import { ByteReader } from './reader.ts'
import { ByteWriter } from './writer.ts'

const NULL = 0
const FALSE = 1
const TRUE = 2
const WHOLE = 3
const NEGATIVE = 4
const FLOAT = 5
const STRING = 6
const BYTES = 7
const ARRAY = 8
const OBJECT = 9

/** Frozen and therefore shared: many of them in few bytes must not cost much memory. */
const EMPTY_ARRAY: Value = Object.freeze([])
const EMPTY_OBJECT: Value = Object.freeze({})

/**
 * An array for some items. V8 leaves room for 16 more when an array first grows; a copy has none, which matters for many short ones. Long ones are not
 * made at their final length: nested claims would add up to many times the bytes that are there.
 */
export function roomFor(count: number): Value[] {
  return count <= SHORT ? BLANK[count]!.slice() : []
}

const SHORT = 32
const BLANK: readonly (readonly Value[])[] = Array.from({ length: SHORT + 1 }, (_, length) =>
  Array.from({ length }, () => ''),
)

/**
 * The bytes of a value. Equal data gives equal bytes, whatever order the keys of its objects were set in.
 *
 * Throws `ProtocolError` `malformed` for what is not a `Value`, `too-large` for more than 80 levels of arrays and objects.
 *
 * @example
 * import { decodeValue, encodeValue } from '@syncline/protocol'
 *
 * expect(encodeValue({ b: 1, a: [true] })).toEqual(encodeValue({ a: [true], b: 1 }))
 * expect(decodeValue(encodeValue({ b: 1, a: [true] }))).toEqual({ a: [true], b: 1 })
 */
export function encodeValue(value: Value): Uint8Array {
  const out = new ByteWriter('value')
  writeValue(out, value)
  return out.finish()
}

/**
 * The value that `bytes` hold: deeply frozen, as `toValue` of stm gives it, and independent of `bytes`.
 * Throws `ProtocolError` for anything but the one encoding that `encodeValue` gives.
 */
export function decodeValue(bytes: Uint8Array): Value {
  const input = new ByteReader('value', bytes)
  const value = readValue(input)
  input.done()
  return value
}

export function writeValue(out: ByteWriter, value: Value, levels = 0): void {
  switch (typeof value) {
    case 'string':
      out.byte(STRING)
      out.string(value)
      return
    case 'number':
      writeNumber(out, value)
      return
    case 'boolean':
      out.byte(value ? TRUE : FALSE)
      return
    case 'object':
      break
    default:
      throw out.unfit(`${typeof value} where a value belongs`)
  }
  if (value === null) {
    out.byte(NULL)
  } else if (value instanceof Uint8Array) {
    out.byte(BYTES)
    out.bytes(value)
  } else {
    if (levels === MAX_VALUE_LEVELS) throw tooDeep()
    writeContainer(out, value, levels + 1)
  }
}

/** The sign is in the tag, so that all safe integers fit in a varuint. */
function writeNumber(out: ByteWriter, value: number): void {
  if (!Number.isSafeInteger(value)) {
    out.byte(FLOAT)
    out.float(value)
  } else if (value >= 0) {
    out.byte(WHOLE)
    out.varuint(value)
  } else {
    out.byte(NEGATIVE)
    out.varuint(-1 - value)
  }
}

function writeContainer(
  out: ByteWriter,
  value: readonly Value[] | { readonly [key: string]: Value },
  levels: number,
): void {
  if (Array.isArray(value)) {
    const items = value as readonly Value[]
    out.byte(ARRAY)
    out.varuint(items.length)
    for (let i = 0; i < items.length; i++) writeValue(out, items[i]!, levels)
    return
  }
  const object = value as { readonly [key: string]: Value }
  const prototype: unknown = Object.getPrototypeOf(object)
  // A Map or a Date would turn into an empty object without a word.
  if (prototype !== Object.prototype && prototype !== null)
    throw out.unfit('an object that is not plain where a value belongs')
  const keys = Object.keys(object).sort()
  out.byte(OBJECT)
  out.varuint(keys.length)
  for (const key of keys) {
    out.string(key)
    writeValue(out, object[key]!, levels)
  }
}

export function readValue(input: ByteReader, levels = 0): Value {
  const tag = input.byte()
  switch (tag) {
    case NULL:
      return null
    case FALSE:
      return false
    case TRUE:
      return true
    case WHOLE:
      return input.varuint()
    case NEGATIVE: {
      const value = -1 - input.varuint()
      if (!Number.isSafeInteger(value)) throw input.malformed('a whole number below -(2^53 - 1)')
      return value
    }
    case FLOAT: {
      const value = input.float()
      if (Number.isSafeInteger(value)) throw input.malformed(`the whole number ${value} as a float`)
      return value
    }
    case STRING:
      return input.string()
    case BYTES:
      return input.bytes()
    case ARRAY:
    case OBJECT:
      if (levels === MAX_VALUE_LEVELS) throw tooDeep()
      return tag === ARRAY ? readArray(input, levels + 1) : readObject(input, levels + 1)
    default:
      throw input.malformed(`a value of the unknown tag ${tag}`)
  }
}

function readArray(input: ByteReader, levels: number): Value {
  const count = input.count(1)
  if (count === 0) return EMPTY_ARRAY
  const items = roomFor(count)
  for (let i = 0; i < count; i++) items[i] = readValue(input, levels)
  return Object.freeze(items)
}

function readObject(input: ByteReader, levels: number): Value {
  const count = input.count(2)
  if (count === 0) return EMPTY_OBJECT
  const object: Record<string, Value> = {}
  let previous: string | undefined
  for (let i = 0; i < count; i++) {
    const key = input.string()
    if (previous !== undefined && previous >= key)
      throw input.malformed(`the key "${key}" after "${previous}", out of order`)
    previous = key
    setKey(object, key, readValue(input, levels))
  }
  return Object.freeze(object)
}

function tooDeep(): ProtocolError {
  return new ProtocolError(
    'too-large',
    `A value has more than ${MAX_VALUE_LEVELS} levels of arrays and objects. Store parts of it in refs of their own, and references by id.`,
  )
}
