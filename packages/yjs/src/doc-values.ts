import { setKey } from '@syncline/stm'
import type { Value } from '@syncline/stm'
import { HALF, LONE_SURROGATE } from './halves.ts'

/** Arrays and objects inside one another in one value: an attribute, a mark, an entry of a map. */
export const MAX_LEVELS = 16

/** Why a value cannot be in a document. */
export const unfit: { readonly [why in 'bigint' | 'undefinedItem' | 'tooDeep' | 'surrogate' | 'name']: string } = {
  bigint: 'it holds a bigint, which Yjs cuts to 64 bits',
  undefinedItem: 'it holds undefined in an array',
  tooDeep: `it holds a value of more than ${MAX_LEVELS} levels, or in a cycle`,
  surrogate: HALF,
  name: 'it has a key or a name that is no string, in place of which others get one',
}

/**
 * Why others would not get a value back as it was; undefined when they would. `json` says that Yjs writes it as JSON, as it does what
 * formats and embeds hold: that has no bytes, no NaN and no infinity.
 */
export function whyUnfit(value: unknown, json: boolean): string | undefined {
  return look(value, json, 0)
}

function look(value: unknown, json: boolean, depth: number): string | undefined {
  switch (typeof value) {
    case 'string':
      return LONE_SURROGATE.test(value) ? unfit.surrogate : undefined
    case 'number':
      return json && !Number.isFinite(value) ? `it holds ${value} where Yjs writes JSON` : undefined
    case 'boolean':
      return undefined
    case 'undefined':
      return depth === 0 && json ? 'it holds undefined where Yjs writes JSON' : undefined
    case 'bigint':
      return unfit.bigint
    case 'object':
      return value === null ? undefined : lookInto(value, json, depth)
    default:
      return `it holds a ${typeof value}`
  }
}

function lookInto(value: object, json: boolean, depth: number): string | undefined {
  if (value instanceof Uint8Array) return json ? 'it holds bytes where Yjs writes JSON' : undefined
  if (depth + 1 > MAX_LEVELS) return unfit.tooDeep
  if (Array.isArray(value)) {
    for (const item of value as readonly unknown[]) {
      const why = item === undefined ? unfit.undefinedItem : look(item, json, depth + 1)
      if (why !== undefined) return why
    }
    return undefined
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    const { name } = (value as { constructor?: { name?: unknown } }).constructor ?? {}
    return `it holds an instance of ${typeof name === 'string' && name !== '' ? name : 'a class'}, which others get as a plain object`
  }
  for (const key of Object.keys(value)) {
    if (key === '__proto__') return 'it has the key "__proto__", which Yjs would take as a prototype'
    if (LONE_SURROGATE.test(key)) return unfit.surrogate
    const why = look((value as Record<string, unknown>)[key], json, depth + 1)
    if (why !== undefined) return why
  }
  return undefined
}

/** By what Yjs holds, which nobody may change. */
const copies = new WeakMap<object, Value>()

/** A value of a document as a frozen copy. A key that holds undefined is left out. */
export function plain(value: unknown): Value {
  if (typeof value === 'number') return value === 0 ? 0 : value
  // What was let into the document holds nothing else.
  if (typeof value !== 'object' || value === null) return (value ?? null) as Value
  if (value instanceof Uint8Array) return value.slice()
  const known = copies.get(value)
  if (known !== undefined) return known
  let copy: Value
  if (Array.isArray(value)) copy = value.map(plain)
  else {
    const object: Record<string, Value> = {}
    for (const [key, inside] of Object.entries(value)) if (inside !== undefined) setKey(object, key, plain(inside))
    copy = object
  }
  copies.set(value, Object.freeze(copy))
  return copy
}
