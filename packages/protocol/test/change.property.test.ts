import { decodeChange, decodeHeader, encodeChange } from '@syncline/protocol'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { change, documents, expectations, inheritedBy } from './arbitraries.ts'
import { codeOf } from './attempt.ts'
import { vectorsOf } from './vectors.ts'

test('[CH1] every Change comes back, and its record again from it', () => {
  let ops = 0
  fc.assert(
    fc.property(change, documents, (of, ids) => {
      ops += of.ops.length
      const record = encodeChange(of, ids)
      const decoded = decodeChange(record)
      expect(decoded).toEqual(of)
      expect(encodeChange(decoded, decodeHeader(record).documents)).toEqual(record)
    }),
    { seed: 301, numRuns: 300 },
  )
  expect(ops).toBeGreaterThan(300)
})

test('[CH9] what a Change expects comes back from its header, and the same record again', () => {
  const kinds = new Map<string, number>()
  fc.assert(
    fc.property(change, documents, expectations, (of, ids, expected) => {
      const record = encodeChange(of, ids, expected)
      const header = decodeHeader(record)
      for (const { kind } of expected ?? [{ kind: 'none' }]) kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
      expect(header.expectations).toEqual(expected)
      expect(decodeChange(record)).toEqual(of)
      expect(encodeChange(of, header.documents, header.expectations)).toEqual(record)
      record.fill(0)
      expect(header.expectations).toEqual(expected)
    }),
    { seed: 303, numRuns: 300 },
  )
  for (const kind of ['none', 'ref', 'members', 'list']) expect(kinds.get(kind)).toBeGreaterThan(30)
})

test('[CH10] what a Change inherits comes back from its header, and the same record again', () => {
  let inheriting = 0
  fc.assert(
    fc.property(
      change
        .chain((of) => fc.tuple(fc.constant(of), documents, expectations))
        .chain((made) => inheritedBy(made[0].writer, made[1]).map((inherited) => ({ made, inherited }))),
      ({ made: [of, ids, expected], inherited }) => {
        inheriting += inherited.size
        const record = encodeChange(of, ids, expected, inherited)
        const header = decodeHeader(record)
        expect(header.inherited).toEqual(inherited)
        expect(decodeChange(record)).toEqual(of)
        expect(encodeChange(of, header.documents, header.expectations, header.inherited)).toEqual(record)
        const backwards = new Map([...inherited].reverse())
        expect(encodeChange(of, ids, expected, backwards)).toEqual(record)
      },
    ),
    { seed: 304, numRuns: 300 },
  )
  expect(inheriting).toBeGreaterThan(100)
})

test('[CH8] the header names each ref once, in the order of first use', () => {
  fc.assert(
    fc.property(change, documents, (of, ids) => {
      const header = decodeHeader(encodeChange(of, ids))
      const names = of.ops.map(({ tag, address, arbiter }) => JSON.stringify([tag, address, arbiter]))
      expect(header.touched.map(({ tag, address, arbiter }) => JSON.stringify([tag, address, arbiter]))).toEqual([
        ...new Set(names),
      ])
      expect(header.documents).toEqual([...new Set(ids)].sort((a, b) => a - b))
      expect([header.writer, header.seq, header.at, header.deps]).toEqual([of.writer, of.seq, of.at, of.deps])
    }),
    { seed: 302, numRuns: 200 },
  )
})

test('[CH3] every single flipped bit of a record is found', () => {
  let flips = 0
  for (const vector of vectorsOf('change')) {
    const record = vector.encode()
    for (let bit = 0; bit < 8 * record.length; bit++) {
      record[bit >> 3]! ^= 1 << (bit & 7)
      expect(codeOf(() => decodeChange(record))).toBe('damaged')
      expect(codeOf(() => decodeHeader(record))).toBe('damaged')
      record[bit >> 3]! ^= 1 << (bit & 7)
      flips += 1
    }
    expect(codeOf(() => decodeChange(record))).toBeUndefined()
  }
  expect(flips).toBeGreaterThan(3000)
})
