import { createHash } from 'node:crypto'
import { contentId, encodeValue } from '@syncline/protocol'
import { setKey, type Value } from '@syncline/stm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { sha256 } from '@syncline/merge/sha256'
import { value } from './arbitraries.ts'

function byNode(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

test('[CI1] the hash is SHA-256, for every length of a block and a half, and for a long input', () => {
  for (let length = 0; length <= 200; length++) {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 151 + length) & 255)
    expect(Buffer.from(sha256(bytes)).toString('hex')).toBe(byNode(bytes))
  }
  const long = Uint8Array.from({ length: 1_000_003 }, (_, i) => (i * i) & 255)
  expect(Buffer.from(sha256(long)).toString('hex')).toBe(byNode(long))
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expect(Buffer.from(sha256(bytes)).toString('hex')).toBe(byNode(bytes))
    }),
    { seed: 901, numRuns: 300 },
  )
})

test('[CI1] the id of a content is the first half of the hash of its encoding', () => {
  fc.assert(
    fc.property(value, (content) => {
      expect(contentId(content)).toBe(byNode(encodeValue(content)).slice(0, 32))
    }),
    { seed: 902, numRuns: 200 },
  )
})

test('[CI2] absent is a content of its own, and not null', () => {
  const ids = [undefined, null, false, 0, '', [], {}].map((content) => contentId(content))
  expect(new Set(ids).size).toBe(ids.length)
})

test('[CI2] equal content has one id, different content another', () => {
  expect(contentId({ a: 1, b: -0 })).toBe(contentId({ b: 0, a: 1 }))
  expect(contentId({ a: 1 })).not.toBe(contentId({ a: '1' }))
})

test('[CI3] what others sent and policies wrapped has an id, however deep it is', () => {
  let deep: Value = 'bottom'
  for (let level = 0; level < 80; level++) deep = [deep]
  expect(() => encodeValue([deep])).toThrow('levels')
  expect(contentId([1, { field: deep }])).toMatch(/^[0-9a-f]{32}$/)
  const strange = {}
  setKey(strange, '__proto__', deep)
  expect(contentId(strange)).not.toBe(contentId({}))
})
