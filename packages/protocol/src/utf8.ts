import { ProtocolError } from './errors.ts'

/** UTF-8 in plain JavaScript: TextEncoder belongs to browsers and Node, and it replaces what is not well-formed instead of refusing it. */

/** The part of the platform's decoder that is used, where there is one. */
declare const TextDecoder:
  | (new (label: string, options: { fatal: boolean; ignoreBOM: boolean }) => { decode(bytes: Uint8Array): string })
  | undefined

let decoder: { decode(bytes: Uint8Array): string } | undefined

/** How many arguments one call of `String.fromCharCode` is given; engines have limits far above. */
const UNITS_PER_CALL = 4096

/** Texts below this length are looked for among those that were read before. */
const SHORT = 24

/** So many at most, which is a power of two. */
const KNOWN = 4096

/**
 * Short texts that were read, by a hash of their bytes: names of fields, tags and many values come again in each operation. A text that is
 * there already costs no memory and no time at the collector of garbage, and engines find it faster in a Map.
 */
const known: string[] = Array.from({ length: KNOWN }, () => '')

/** What `readUtf8` gives. Of a long text the platform makes it in a tenth of the time, and is slow to be called for a short one. */
export function readLongUtf8(bytes: Uint8Array, start: number, end: number): string {
  if (typeof TextDecoder === 'undefined') return readUtf8(bytes, start, end)
  decoder ??= new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  try {
    return decoder.decode(bytes.subarray(start, end))
  } catch {
    // It says where.
    return readUtf8(bytes, start, end)
  }
}

/** The length of `text` in UTF-8. A lone surrogate counts as three bytes; `writeUtf8` will refuse it. */
export function utf8Length(text: string): number {
  let length = text.length
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x80) continue
    if (unit < 0x800) length += 1
    else {
      length += 2
      // The two halves of a pair make four bytes: two units already counted, and two more.
      if (unit >= 0xd800 && unit < 0xdc00 && isLowHalf(text.charCodeAt(i + 1))) i += 1
    }
  }
  return length
}

/** Writes `text` at `at`, where there is room for it, and returns where it ends. Throws `malformed` for half a surrogate pair. */
export function writeUtf8(text: string, target: Uint8Array, at: number): number {
  for (let i = 0; i < text.length; i++) {
    let unit = text.charCodeAt(i)
    if (unit < 0x80) {
      target[at++] = unit
    } else if (unit < 0x800) {
      target[at++] = 0xc0 | (unit >> 6)
      target[at++] = 0x80 | (unit & 63)
    } else if (unit < 0xd800 || unit > 0xdfff) {
      target[at++] = 0xe0 | (unit >> 12)
      target[at++] = 0x80 | ((unit >> 6) & 63)
      target[at++] = 0x80 | (unit & 63)
    } else {
      const low = text.charCodeAt(++i)
      if (unit > 0xdbff || !isLowHalf(low)) {
        throw new ProtocolError(
          'malformed',
          `A string has half of a surrogate pair (0x${unit.toString(16)}), which has no UTF-8 form. Cut text between characters.`,
        )
      }
      unit = 0x10000 + ((unit & 0x3ff) << 10) + (low & 0x3ff)
      target[at++] = 0xf0 | (unit >> 18)
      target[at++] = 0x80 | ((unit >> 12) & 63)
      target[at++] = 0x80 | ((unit >> 6) & 63)
      target[at++] = 0x80 | (unit & 63)
    }
  }
  return at
}

/** The text that `bytes` hold from `start` to `end`. Throws `malformed` for anything but the one well-formed encoding of a text. */
export function readUtf8(bytes: Uint8Array, start: number, end: number): string {
  let at = start
  while (at < end && bytes[at]! < 0x80) at += 1
  return at === end ? readAscii(bytes, start, end) : readAscii(bytes, start, at) + readMixed(bytes, at, end)
}

function readAscii(bytes: Uint8Array, start: number, end: number): string {
  if (end - start < SHORT) return readShort(bytes, start, end)
  let text = ''
  for (let at = start; at < end; at += UNITS_PER_CALL)
    text += fromUnits(bytes.subarray(at, Math.min(end, at + UNITS_PER_CALL)))
  return text
}

function readShort(bytes: Uint8Array, start: number, end: number): string {
  let hash = 0
  for (let at = start; at < end; at++) hash = Math.imul(hash, 31) + bytes[at]!
  const place = (hash ^ (hash >>> 12)) & (KNOWN - 1)
  const found = known[place]!
  // Not beyond its end, which engines do not expect.
  if (found.length === end - start) {
    let at = start
    while (at < end && found.charCodeAt(at - start) === bytes[at]) at += 1
    if (at === end) return found
  }
  const text = readUpTo24(bytes, start, end)
  known[place] = text
  return text
}

/** Eight at a time: one after the other each would make a text, and to hand over an array costs more than to read. */
function readUpTo24(bytes: Uint8Array, start: number, end: number): string {
  const [whole, rest] = [(end - start) >> 3, (end - start) & 7]
  let text = ''
  let at = start
  for (let i = 0; i < whole; i++, at += 8) {
    text += String.fromCharCode(
      bytes[at]!,
      bytes[at + 1]!,
      bytes[at + 2]!,
      bytes[at + 3]!,
      bytes[at + 4]!,
      bytes[at + 5]!,
      bytes[at + 6]!,
      bytes[at + 7]!,
    )
  }
  if (rest >= 4) {
    text += String.fromCharCode(bytes[at]!, bytes[at + 1]!, bytes[at + 2]!, bytes[at + 3]!)
    at += 4
  }
  for (; at < end; at++) text += String.fromCharCode(bytes[at]!)
  return text
}

function readMixed(bytes: Uint8Array, start: number, end: number): string {
  const units = new Uint16Array(Math.min(end - start, UNITS_PER_CALL) + 1)
  let text = ''
  let count = 0
  for (let at = start; at < end;) {
    const first = bytes[at]!
    if (first < 0x80) {
      units[count++] = first
      at += 1
    } else if (first >= 0xc2 && first < 0xe0) {
      units[count++] = ((first & 31) << 6) | follower(bytes, at + 1, end, 0x80, 0xbf)
      at += 2
    } else if (first >= 0xe0 && first < 0xf0) {
      // The second byte's bounds keep out overlong forms (after 0xe0) and surrogates (after 0xed): Unicode, table 3-7.
      const second = follower(bytes, at + 1, end, first === 0xe0 ? 0xa0 : 0x80, first === 0xed ? 0x9f : 0xbf)
      units[count++] = ((first & 15) << 12) | (second << 6) | follower(bytes, at + 2, end, 0x80, 0xbf)
      at += 3
    } else if (first >= 0xf0 && first < 0xf5) {
      const second = follower(bytes, at + 1, end, first === 0xf0 ? 0x90 : 0x80, first === 0xf4 ? 0x8f : 0xbf)
      const low = (follower(bytes, at + 2, end, 0x80, 0xbf) << 6) | follower(bytes, at + 3, end, 0x80, 0xbf)
      const offset = (((first & 7) << 18) | (second << 12) | low) - 0x10000
      units[count++] = 0xd800 | (offset >> 10)
      units[count++] = 0xdc00 | (offset & 0x3ff)
      at += 4
    } else {
      throw illFormed(at)
    }
    if (count >= UNITS_PER_CALL) {
      text += fromUnits(units.subarray(0, count))
      count = 0
    }
  }
  return text + fromUnits(units.subarray(0, count))
}

function follower(bytes: Uint8Array, at: number, end: number, least: number, most: number): number {
  const byte = at < end ? bytes[at]! : 0
  if (byte < least || byte > most) throw illFormed(at)
  return byte & 63
}

function illFormed(at: number): ProtocolError {
  return new ProtocolError(
    'malformed',
    `A string is not well-formed UTF-8 at byte ${at}. The sender is faulty or not speaking Syncline.`,
  )
}

function isLowHalf(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff
}

function fromUnits(units: Uint8Array | Uint16Array): string {
  // The type asks for an array; the language takes anything with a length.
  return String.fromCharCode.apply(null, units as unknown as number[])
}
