import { decodeEntry, encodeEntry, type LogEntry } from '@syncline/protocol'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { entry } from './arbitraries.ts'
import { codeOf } from './attempt.ts'
import { resealed, sealedOf } from './resealed.ts'
import { vectorsOf } from './vectors.ts'

const A = '000102030405060708090a0b0c0d0e0f'

describe('log entries', () => {
  test('[EN1] every entry comes back, and its bytes again from it', () => {
    const kinds = new Set<string>()
    fc.assert(
      fc.property(entry, (of) => {
        kinds.add(of.kind)
        const bytes = encodeEntry(of)
        const decoded = decodeEntry(bytes)
        expect(decoded).toEqual(of)
        expect(encodeEntry(decoded)).toEqual(bytes)
        bytes.fill(0)
        expect(decoded).toEqual(of)
      }),
      { seed: 601, numRuns: 300 },
    )
    expect(kinds.size).toBe(8)
  })

  test('[EN2] every single flipped bit is found', () => {
    let flips = 0
    for (const vector of vectorsOf('entry')) {
      const bytes = vector.encode()
      for (let bit = 0; bit < 8 * bytes.length; bit++) {
        bytes[bit >> 3]! ^= 1 << (bit & 7)
        expect(codeOf(() => decodeEntry(bytes))).toBe('damaged')
        bytes[bit >> 3]! ^= 1 << (bit & 7)
        flips += 1
      }
    }
    expect(flips).toBeGreaterThan(3000)
  })

  test('[EN3] a newer version and a newer kind are told from damage', () => {
    const newer = encodeEntry({ kind: 'dropped', changes: [] })
    newer[0] = 2
    expect(codeOf(() => decodeEntry(newer))).toBe('damaged')
    expect(codeOf(() => decodeEntry(resealed(newer)))).toBe('newer-version')
    expect(codeOf(() => decodeEntry(sealedOf([1, 9, 0])))).toBe('newer-version')
    expect(codeOf(() => decodeEntry(sealedOf([1, 5, 0])))).toBeUndefined()
    expect(codeOf(() => decodeEntry(sealedOf([1, 5, 0, 0])))).toBe('malformed')
  })

  test.each<[string, unknown]>([
    ['an unknown kind', { kind: 'whispered' }],
    [
      'a record shorter than any can be',
      { kind: 'commits', changes: [{ record: new Uint8Array(3), local: new Uint8Array(0) }] },
    ],
    ['relaySeq 0', { kind: 'ordered', epoch: A, first: 0, items: [] }],
    ['an id that is none', { kind: 'dropped', changes: [`${A}:01`] }],
    ['an id without a seq', { kind: 'dropped', changes: [A] }],
    ['several in one of several', { kind: 'together', entries: [{ kind: 'together', entries: [] }] }],
    ['a seq above 2^53 - 1', { kind: 'dropped', changes: [`${A}:9007199254740992`] }],
  ])('[EN4] %s is not encoded', (_, of) => {
    expect(codeOf(() => encodeEntry(of as LogEntry))).toBe('malformed')
  })
})
