import fc from 'fast-check'
import { afterEach, expect, test, vi } from 'vitest'
import * as Y from 'yjs'
import { createFinger } from '../src/finger.ts'
import { LONE_SURROGATE } from '../src/halves.ts'
import { splitsPair } from '../src/pairs.ts'
import { insert, note, remove, Site } from './world.ts'

afterEach(() => vi.restoreAllMocks())

/** Outside of a test, where the linter takes a condition for a test that may hold nothing. */
const same = (actual: unknown, expected: unknown): void => expect(actual).toEqual(expected)

test('[TE2] a finger says of each place of a text that is edited what the text says', () => {
  const step = fc.record({
    kind: fc.constantFrom('insert', 'insert', 'remove', 'look', 'look', 'remote'),
    at: fc.nat(),
    removed: fc.integer({ min: 1, max: 5 }),
    text: fc.constantFrom('a', 'bc', '😀', 'x😀y', '👩‍👧', '€ä'),
  })
  let [inside, followed] = [0, 0]
  fc.assert(
    fc.property(fc.array(step, { minLength: 10, maxLength: 40, size: 'max' }), (steps) => {
      const [doc, other] = [new Y.Doc(), new Y.Doc()]
      const text = doc.getText('text')
      const finger = createFinger(text)
      /** Cut between characters. */
      const edge = (at: number): number => {
        const index = at % (text.length + 1)
        return splitsPair(text.toString(), index) ? index - 1 : index
      }
      for (const { kind, at, removed, text: inserted } of steps) {
        if (kind === 'look') {
          const index = at % (text.length + 1)
          const said = finger.splitsPair(index)
          same(said, splitsPair(text.toString(), index))
          if (said) inside += 1
          continue
        }
        if (kind === 'remote') {
          Y.applyUpdate(other, Y.encodeStateAsUpdate(doc))
          other.getText('text').insert(edge(at), inserted)
          Y.applyUpdate(doc, Y.encodeStateAsUpdate(other))
          finger.letGo()
          continue
        }
        const from = edge(at)
        const to = kind === 'remove' ? edge(Math.min(from + removed, text.length)) : from
        if (kind === 'remove' && to <= from) continue
        const edit = { index: from, removed: to - from, inserted: kind === 'remove' ? '' : inserted }
        doc.transact(() => {
          text.delete(edit.index, edit.removed)
          text.insert(edit.index, edit.inserted)
          finger.follow([{ ...edit, previous: undefined, totalInserted: 0, totalRemoved: 0, count: 1 }])
        })
        followed += 1
      }
    }),
    { seed: 5 },
  )
  expect([inside > 50, followed > 500]).toEqual([true, true])
})

test('[TE2] whoever types in a text goes over the items between two edits, and no others', () => {
  const doc = new Y.Doc()
  const text = doc.getText('text')
  // Each an item of its own.
  for (let i = 0; i < 3_000; i++) text.insert(0, '😀a')
  let items = 0
  const finger = createFinger(text, () => (items += 1))
  finger.splitsPair(4_000)
  for (let i = 0; i < 300; i++) {
    expect([finger.splitsPair(4_001 + i * 2), finger.splitsPair(4_000 + i * 2)].filter(Boolean).length).toBe(1)
    text.insert(3_999, '😀')
    finger.follow([
      { index: 3_999, removed: 0, inserted: '😀', previous: undefined, totalInserted: 2, totalRemoved: 0, count: 1 },
    ])
  }
  expect(items).toBeLessThan(300 * 4)
})

test('[TE2] a text with characters of two code units is not put together for each edit, whoever made the last', () => {
  const [a, b] = [new Site(0, 2), new Site(1, 2)]
  for (const site of [a, b]) site.open(note)
  a.transact(note, insert(0, 'so many 😀 😀 😀 '.repeat(100)))
  b.receive(a.sent[0]!)
  const read = vi.spyOn(Y.Text.prototype as { toString(): string }, 'toString')
  for (let i = 0; i < 400; i++) {
    const [site, other] = i % 3 === 0 ? [b, a] : [a, b]
    const before = site.sent.length
    if (i % 5 === 4) site.transact(note, remove((i * 37) % 1_000, 1))
    else site.transact(note, insert((i * 37) % 1_000, '😀'), insert(0, 'x'))
    for (const sent of site.sent.slice(before)) other.receive(sent)
  }
  // Once for each document, to see whether there are any.
  expect(read.mock.calls.length).toBeLessThan(4)
  expect([a.read(note), a.reports, b.reports]).toEqual([b.read(note), [], []])
  expect([a.replayed(note), LONE_SURROGATE.test(a.read(note))]).toEqual([a.read(note), false])
})
