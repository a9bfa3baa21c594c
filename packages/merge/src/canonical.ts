import { setKey, type Value } from '@syncline/stm'

/**
 * A value as one text, the same for equal values and another for others: JSON without white space, keys ascending by UTF-16 code units, numbers
 * as ECMAScript writes them (RFC 8785). What JSON lacks: `NaN`, `Infinity` and `-Infinity` by these names, bytes as `x` and their hexadecimal
 * digits, none of which is quoted.
 */
export function canonicalText(value: Value): string {
  const parts: string[] = []
  write(value, parts)
  return parts.join('')
}

function write(value: Value, parts: string[]): void {
  if (typeof value === 'string') parts.push(JSON.stringify(value))
  else if (typeof value !== 'object' || value === null) parts.push(String(value))
  else if (value instanceof Uint8Array) parts.push('x', hexOf(value))
  else if (Array.isArray(value)) {
    parts.push('[')
    for (const [i, item] of (value as readonly Value[]).entries()) {
      if (i > 0) parts.push(',')
      write(item, parts)
    }
    parts.push(']')
  } else {
    const object = value as { readonly [key: string]: Value }
    parts.push('{')
    for (const [i, key] of Object.keys(object).sort().entries()) {
      if (i > 0) parts.push(',')
      parts.push(JSON.stringify(key), ':')
      write(object[key]!, parts)
    }
    parts.push('}')
  }
}

/**
 * An equal value whose keys are ascending, as they are in what was sent: so what depends on their order, as which conflict comes first, is the
 * same for its author and for everybody else. The value itself where they are already.
 */
export function inOrder(value: Value): Value {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
  if (Array.isArray(value)) {
    const items = value as readonly Value[]
    const ordered = items.map(inOrder)
    return ordered.every((item, i) => item === items[i]) ? value : Object.freeze(ordered)
  }
  const object = value as { readonly [key: string]: Value }
  const keys = Object.keys(object)
  const ordered = keys.map((key) => inOrder(object[key]!))
  const isOrdered = keys.every((key, i) => i === 0 || keys[i - 1]! < key)
  if (isOrdered && ordered.every((inside, i) => inside === object[keys[i]!])) return value
  const copy: Record<string, Value> = {}
  for (const key of [...keys].sort()) setKey(copy, key, ordered[keys.indexOf(key)]!)
  return Object.freeze(copy)
}

/** Bytes as lower-case hexadecimal digits. */
export function hexOf(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0')
  return text
}

/** A text in UTF-8. Where it has half of a surrogate pair, which no value that was made here has, that is written as if it were a character. */
export function utf8Of(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length * 3)
  let at = 0
  for (const character of text) {
    const code = character.codePointAt(0)!
    if (code < 0x80) bytes[at++] = code
    else if (code < 0x800) {
      bytes[at++] = 0xc0 | (code >> 6)
      bytes[at++] = 0x80 | (code & 63)
    } else {
      if (code < 0x10000) bytes[at++] = 0xe0 | (code >> 12)
      else {
        bytes[at++] = 0xf0 | (code >> 18)
        bytes[at++] = 0x80 | ((code >> 12) & 63)
      }
      bytes[at++] = 0x80 | ((code >> 6) & 63)
      bytes[at++] = 0x80 | (code & 63)
    }
  }
  return bytes.subarray(0, at)
}
