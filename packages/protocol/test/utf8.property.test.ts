import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readUtf8, utf8Length, writeUtf8 } from '../src/utf8.ts'
import { codeOf } from './attempt.ts'
import { text } from './arbitraries.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function write(of: string): Uint8Array {
  const bytes = new Uint8Array(utf8Length(of))
  expect(writeUtf8(of, bytes, 0)).toBe(bytes.length)
  return bytes
}

/** The text of these bytes; undefined when they are refused as malformed. */
function ours(bytes: Uint8Array): string | undefined {
  let read: string | undefined
  const code = codeOf(() => (read = readUtf8(bytes, 0, bytes.length)))
  return code === 'malformed' ? undefined : read
}

function platform(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}

test('[VA2] text is written and read as the platform does it', () => {
  fc.assert(
    fc.property(text, fc.nat(3000), (of, times) => {
      const long = of.repeat(1 + (times % 400))
      const bytes = write(long)
      expect(bytes).toEqual(encoder.encode(long))
      expect(readUtf8(bytes, 0, bytes.length)).toBe(long)
    }),
    { seed: 201, numRuns: 300 },
  )
})

test('[VA2] text longer than one call can carry is whole, wherever the cut falls', () => {
  for (const start of ['', 'a', 'ä', 'aä']) {
    const long = start + '😀'.repeat(5000) + 'ß'.repeat(5000) + 'x'.repeat(10_000)
    const bytes = write(long)
    expect(readUtf8(bytes, 0, bytes.length)).toBe(long)
  }
})

test('[VA3] bytes are text here exactly when the platform says so', () => {
  let good = 0
  let bad = 0
  const piece = fc.oneof(
    fc
      .constantFrom('a', '\u0080', 'ß', '\u07ff', '\u0800', '€', '\ud7ff', '\ue000', '\uffff', '😀', '\u{10ffff}')
      .map((of) => [...encoder.encode(of)]),
    // Starts, followers, and the bounds of what may follow 0xe0, 0xed, 0xf0 and 0xf4.
    fc
      .constantFrom(
        0x7f,
        0x80,
        0x8f,
        0x90,
        0x9f,
        0xa0,
        0xbf,
        0xc0,
        0xc1,
        0xc2,
        0xdf,
        0xe0,
        0xed,
        0xef,
        0xf0,
        0xf4,
        0xf5,
        0xff,
      )
      .map((of) => [of]),
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 4 }), (pieces) => {
      const bytes = Uint8Array.from(pieces.flat())
      const expected = platform(bytes)
      if (expected === undefined) bad += 1
      else good += 1
      expect(ours(bytes)).toBe(expected)
    }),
    { seed: 202, numRuns: 4000 },
  )
  expect(good).toBeGreaterThan(500)
  expect(bad).toBeGreaterThan(500)
})

test('[VA3] every sequence of three bytes that starts a character of three is judged as the platform does', () => {
  const different: string[] = []
  for (const first of [0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef]) {
    for (let second = 0; second < 256; second++) {
      for (const third of [0x00, 0x7f, 0x80, 0xbf, 0xc0]) {
        const bytes = Uint8Array.of(first, second, third)
        if (ours(bytes) !== platform(bytes)) different.push(bytes.join())
      }
    }
  }
  expect(different).toEqual([])
})
