import { isDeepStrictEqual } from 'node:util'
import {
  createFrameReader,
  decodeChange,
  decodeEntry,
  decodeHeader,
  decodeValue,
  encodeChange,
  encodeEntry,
  encodeFrames,
  encodeValue,
  entriesIn,
} from '@syncline/protocol'
import { expect, test } from 'vitest'
import { codeOf } from './attempt.ts'
import { resealed } from './resealed.ts'
import { vectors, vectorsOf, type Vector } from './vectors.ts'

/** Decodes as the family says. Gives the code of what the decoder throws, or else the bytes that the data is encoded in. */
function again(family: Vector['family'], bytes: Uint8Array): { code: string; output: Uint8Array } {
  let encode: (() => Uint8Array) | undefined
  const code = codeOf(() => (encode = decode[family](bytes)))
  return { code: code ?? 'read', output: encode?.() ?? bytes }
}

const decode: { readonly [family in Vector['family']]: (bytes: Uint8Array) => () => Uint8Array } = {
  value: (bytes) => {
    const value = decodeValue(bytes)
    return () => encodeValue(value)
  },
  change: (bytes) => {
    const change = decodeChange(bytes)
    const { documents, expectations, inherited, ...apart } = decodeHeader(bytes)
    return () => encodeChange(change, documents, expectations, inherited, apart)
  },
  entry: (bytes) => {
    const entry = decodeEntry(bytes)
    return () => encodeEntry(entry)
  },
  frame: (bytes) => {
    const frames = createFrameReader({ maxPacketBytes: 1024 * 1024 }).push(bytes)
    return () => encodeFrames(frames, 1024 * 1024)[0] ?? bytes
  },
}

/** A small generator of chance from a seed: mulberry32, by Tommy Ettinger, in the public domain. */
function chanceFrom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

/** Bytes at which decoders go wrong: bounds of lengths, of varuints, of tags, and the greatest of all. */
const SHARP = [0, 1, 2, 7, 8, 9, 10, 11, 12, 0x7f, 0x80, 0x81, 0xc0, 0xed, 0xfe, 0xff]

function mutate(bytes: Uint8Array, below: (below: number) => number): Uint8Array {
  let result = Array.from(bytes)
  for (let times = 1 + below(4); times > 0; times--) {
    const at = below(result.length + 1)
    const sharp = SHARP[below(SHARP.length)]!
    switch (below(7)) {
      case 0:
        result[at] = sharp
        break
      case 1:
        result[at] = (result[at] ?? 0) ^ (1 << below(8))
        break
      case 2:
        result.splice(at, 1 + below(4))
        break
      case 3:
        result.splice(at, 0, sharp)
        break
      case 4:
        result.splice(at, 0, ...result.slice(at, at + below(20)))
        break
      case 5:
        result.splice(at, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, sharp)
        break
      case 6:
        result = result.slice(0, at)
        break
    }
  }
  return Uint8Array.from(result, (byte) => byte ?? 0)
}

test('[HO1] what is cut off at any byte is refused', () => {
  const taken: string[] = []
  let cuts = 0
  for (const vector of vectors) {
    const bytes = vector.encode()
    for (let length = 0; length < bytes.length; length++) {
      const cut = bytes.slice(0, length)
      if (codeOf(() => vector.decode(cut)) === undefined) taken.push(`${vector.family} "${vector.name}" at ${length}`)
      if (vector.family === 'change' && codeOf(() => decodeHeader(cut)) === undefined) taken.push(`header at ${length}`)
      cuts += 1
    }
  }
  expect(taken).toEqual([])
  expect(cuts).toBeGreaterThan(1500)
})

test('[HO1] so it is when the checksum fits', () => {
  const taken: string[] = []
  let cuts = 0
  for (const vector of [...vectorsOf('change'), ...vectorsOf('entry')]) {
    const bytes = vector.encode()
    for (let length = 4; length < bytes.length; length++) {
      const cut = resealed(bytes.slice(0, length))
      if (codeOf(() => vector.decode(cut)) === undefined) taken.push(`${vector.family} "${vector.name}" at ${length}`)
      cuts += 1
    }
  }
  expect(taken).toEqual([])
  expect(cuts).toBeGreaterThan(800)
})

test('[HO2] random bytes give an error of this package or data, and nothing else', () => {
  const below = chanceFrom(701)
  const tried = { refused: 0, read: 0 }
  for (let i = 0; i < 20_000; i++) {
    const bytes = Uint8Array.from({ length: below(60) }, () =>
      below(2) === 0 ? below(256) : SHARP[below(SHARP.length)]!,
    )
    for (const family of ['value', 'change', 'frame', 'entry'] as const) {
      const input = family === 'change' || family === 'entry' ? resealed(Uint8Array.from([1, ...bytes])) : bytes
      if (again(family, input).code === 'read') tried.read += 1
      else tried.refused += 1
    }
  }
  expect(tried.refused + tried.read).toBe(80_000)
  expect(tried.read).toBeGreaterThan(500)
})

test('[HO2] [HO3] changed bytes give an error of this package, or data of which they are the encoding', () => {
  const below = chanceFrom(702)
  const sources = vectors.map((vector) => ({ family: vector.family, bytes: vector.encode() }))
  // A Change that asks for a check, which encoding never writes: the smallest, its last field of the header made longer.
  const [smallest] = vectors.filter((vector) => vector.name === 'smallest')
  const asking = Array.from(smallest!.encode())
  asking.splice(27, 1, 1, 6, 1, 0xaa)
  asking[1] = 29
  sources.push({ family: 'change', bytes: resealed(Uint8Array.from(asking)) })
  const codes = new Map<string, number>()
  const others: { input: Uint8Array; output: Uint8Array }[] = []
  for (let i = 0; i < 60_000; i++) {
    const { family, bytes } = sources[below(sources.length)]!
    const changed = mutate(bytes, below)
    // Most of the time the checksum is made to fit, or nothing behind it would ever be tried.
    const input = (family === 'change' || family === 'entry') && below(8) > 0 ? resealed(changed) : changed
    const { code, output } = again(family, input)
    codes.set(code, (codes.get(code) ?? 0) + 1)
    // Frames are not canonical as a whole: unknown ones are skipped, and a message may come in parts.
    if (family === 'frame' || Buffer.compare(input, output) === 0) continue
    // Columns are JSON, which can say the same in several ways: it is the same that is read from what encoding gives.
    const isSame = family === 'entry' && hasColumns(input) && isDeepStrictEqual(decodeEntry(output), decodeEntry(input))
    if (!isSame) others.push({ input, output })
  }
  expect(others).toEqual([])

  expect([...codes.values()].reduce((sum, count) => sum + count)).toBe(60_000)
  expect(codes.get('read')).toBeGreaterThan(2000)
  const rare = ['truncated', 'damaged', 'malformed', 'newer-version', 'unknown-precondition'].filter(
    (code) => (codes.get(code) ?? 0) < 20,
  )
  expect(rare).toEqual([])
})

function hasColumns(bytes: Uint8Array): boolean {
  const entry = decodeEntry(bytes)
  return entriesIn(entry).some((one) => (one.kind === 'joined' ? one.part : one).kind === 'rows')
}

test('[HO2] nothing that was tried has touched a prototype', () => {
  const below = chanceFrom(703)
  const names = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty']
  const nest = (depth: number): Record<string, unknown> => {
    const object = Object.create(null) as Record<string, unknown>
    object[names[below(names.length)]!] = depth === 0 ? { canary: true } : nest(depth - 1)
    return object
  }
  for (let i = 0; i < 500; i++) decodeValue(encodeValue(nest(below(6)) as never))
  expect(({} as Record<string, unknown>)['canary']).toBeUndefined()
  expect(Object.keys(Object.prototype)).toEqual([])
  expect(([] as unknown as Record<string, unknown>)['canary']).toBeUndefined()
})
