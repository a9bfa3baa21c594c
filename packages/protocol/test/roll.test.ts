import { createHash } from 'node:crypto'
import {
  encodeFrames,
  MARK_BYTES,
  markHead,
  hasMark,
  MARKS_BELOW,
  marksBelow,
  markTree,
  markTreeWith,
  markUnknown,
  MAX_ROLL_SPACES,
  rollId,
  type Frame,
  type Head,
} from '@syncline/protocol'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { names as someNames } from './arbitraries.ts'
import { codeOf } from './attempt.ts'
import { readMessage } from './vectors.ts'

const A = '000102030405060708090a0b0c0d0e0f'
const B = 'f0e0d0c0b0a090807060504030201000'
const LAST = 'ffffffffffffffffffffffffffffffff'

const framed = (names: readonly string[]): Uint8Array =>
  encodeFrames([{ type: 'names', channel: 1, names }], 2 ** 24)[0]!
const sized = (names: readonly string[]): number => framed(names).length

/** The tree over these heads, in order. */
function treeOf(heads: readonly Head[]): ReturnType<typeof markTree> {
  const marks = new Uint8Array(MARK_BYTES * heads.length)
  heads.forEach((head, i) => markHead(marks, i, head))
  return markTree(marks)
}

describe('names of a roll', () => {
  test('[FR10] they come back, and what one has in common with the one before it is said once', () => {
    fc.assert(
      fc.property(someNames, (names) => {
        expect(readMessage(framed(names))).toEqual([{ type: 'names', channel: 1, names }])
      }),
      { seed: 411 },
    )
    const many = Array.from({ length: 1000 }, (_, i) => `teams/blue/boards/${1000 + i}`)
    expect(sized(many) / many.length).toBeLessThan(3.3)
  })

  test('[FR10] no character is cut in half', () => {
    const [message] = [framed(['a😀', 'a😁'])]
    // Two names; the first shares nothing; the second shares the a, and says its character whole.
    expect([...message.subarray(4)]).toEqual([2, 0, 5, 97, 240, 159, 152, 128, 1, 4, 240, 159, 152, 129])
  })

  test.each([
    ['no names', []],
    ['two that are out of order', ['b', 'a']],
    ['one that stands there twice', ['a', 'a']],
    ['one that names no space', ['a\n']],
    ['an empty one', ['']],
  ])('[FR10] %s are no roll', (_, names) => {
    expect(codeOf(() => framed(names))).toBe('malformed')
    expect(codeOf(() => rollId(names))).toBe('malformed')
    const bytes = names.flatMap((name) => [0, name.length, ...Buffer.from(name)])
    expect(codeOf(() => readMessage(Uint8Array.of(0, 43, bytes.length + 2, 1, names.length, ...bytes)))).toMatch(
      /^(malformed|truncated)$/,
    )
  })

  test('[FR10] names said in any other way are malformed', () => {
    const said = (...bytes: number[]): string | undefined =>
      codeOf(() => readMessage(Uint8Array.of(0, 43, bytes.length + 1, 1, ...bytes)))
    expect(said(2, 0, 2, 97, 97, 1, 1, 98)).toBeUndefined()
    expect(said(2, 0, 2, 97, 97, 0, 2, 97, 98)).toBe('malformed')
    expect(said(2, 0, 2, 97, 97, 7, 1, 98)).toBe('malformed')
    expect(said(1, 1, 1, 97)).toBe('malformed')
    expect(said(3, 0, 1, 97)).toBe('truncated')
  })

  test('[FR10] a roll has 65,536 spaces, and not one more', () => {
    const names = Array.from({ length: MAX_ROLL_SPACES + 1 }, (_, i) =>
      String.fromCharCode(0x4e00 + (i >> 12), 0x4e00 + (i & 4095)),
    )
    const message = framed(names.slice(1))
    expect((readMessage(message)[0] as Extract<Frame, { type: 'names' }>).names.length).toBe(MAX_ROLL_SPACES)
    expect(codeOf(() => framed(names))).toBe('malformed')
    const more = message.slice()
    // The count stands after the marker, the type, three bytes of length and the channel: 65,536 is 128 128 4.
    expect([...more.subarray(6, 9)]).toEqual([128, 128, 4])
    more[6] = 129
    expect(codeOf(() => readMessage(more))).toBe('malformed')
  })

  test('[FR11] equal spaces have one id, others another', () => {
    fc.assert(
      fc.property(someNames, someNames, (one, other) => {
        expect(rollId(one) === rollId(other)).toBe(JSON.stringify(one) === JSON.stringify(other))
      }),
      { seed: 412 },
    )
  })

  test.each([
    ['more than it says', { type: 'rolls', least: 5, most: 4 }],
    ['no spaces', { type: 'rolls', least: 0, most: 4 }],
    ['a root of seven bytes', { type: 'roll', channel: 1, roll: A, count: 1, root: new Uint8Array(7) }],
    ['no space', { type: 'roll', channel: 1, roll: A, count: 0, root: new Uint8Array(8) }],
    ['no marks', { type: 'marks', channel: 1, marks: new Uint8Array(0) }],
    ['half a mark', { type: 'marks', channel: 1, marks: new Uint8Array(12) }],
    ['below nothing', { type: 'below', channel: 1, level: 1, nodes: [] }],
    ['below the ground', { type: 'below', channel: 1, level: 0, nodes: [1] }],
    ['below twice the same', { type: 'below', channel: 1, level: 1, nodes: [1, 1] }],
  ])('[FR8] %s has no place in a frame about a roll', (_, frame) => {
    expect(codeOf(() => encodeFrames([frame as Frame], 1024))).toBe('malformed')
  })

  test('[FR8] a mark beyond any that a roll can have is malformed', () => {
    expect(codeOf(() => readMessage(Uint8Array.of(0, 45, 5, 1, 1, 128, 128, 4)))).toBeUndefined()
    expect(codeOf(() => readMessage(Uint8Array.of(0, 45, 5, 1, 1, 129, 128, 4)))).toBe('malformed')
    expect(codeOf(() => readMessage(Uint8Array.of(0, 44, 8, 1, 0, 0, 0, 0, 0, 0, 0)))).toBe('malformed')
  })
})

describe('marks', () => {
  test('[FR11] the mark of a head is the beginning of its epoch and its relaySeq together; an empty log has that of nothing, and one that cannot be read that of nobody', () => {
    const marks = new Uint8Array(6 * MARK_BYTES)
    markHead(marks, 0, { epoch: A, relaySeq: 1 })
    markHead(marks, 1, { epoch: B, relaySeq: 0x0102_0304_0506 })
    markHead(marks, 2, { epoch: LAST, relaySeq: 3 })
    markHead(marks, 3, { epoch: B, relaySeq: 0 })
    markHead(marks, 4, { epoch: null, relaySeq: 0 })
    markUnknown(marks, 5)
    const hex = Array.from({ length: 6 }, (_, i) => Buffer.from(marks.subarray(8 * i, 8 * i + 8)).toString('hex'))
    expect(hex).toEqual([
      '0001020304050608',
      'f0e0d1c2b3a49586',
      '0000000000000002',
      '0000000000000000',
      '0000000000000000',
      'ffffffffffffffff',
    ])
  })

  test('[FR11] above each 16 marks stands the SHA-256 of them, up to one', () => {
    const heads = Array.from({ length: 300 }, (_, i) => ({ epoch: A, relaySeq: i }))
    const tree = treeOf(heads)
    expect(tree.map(({ length }) => length / MARK_BYTES)).toEqual([300, 19, 2, 1])
    let marks = heads.map(({ relaySeq }) =>
      Buffer.from(
        relaySeq === 0 ? '0'.repeat(16) : (0x0001_0203_0405_0607n + BigInt(relaySeq)).toString(16).padStart(16, '0'),
        'hex',
      ),
    )
    while (marks.length > 1) {
      marks = Array.from({ length: Math.ceil(marks.length / 16) }, (_, node) => {
        const below = Buffer.concat(marks.slice(16 * node, 16 * node + 16))
        return createHash('sha256').update(below).digest().subarray(0, 8)
      })
    }
    expect(Buffer.from(tree[3]!)).toEqual(marks[0])
    const one = treeOf(heads.slice(0, 1))
    expect([one.length, marksBelow(one, 1, 0).length]).toEqual([2, MARK_BYTES])
  })

  test('[FR11] trees differ on the way to what differs, and nowhere else', () => {
    const place = fc.integer({ min: 0, max: 699 })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 700 }), fc.uniqueArray(place, { maxLength: 12 }), (count, places) => {
        const moved = places.filter((at) => at < count)
        const heads = Array.from({ length: count }, (_, i) => ({ epoch: A, relaySeq: i }))
        const marks = new Uint8Array(MARK_BYTES * count)
        heads.forEach((head, i) => markHead(marks, i, head))
        const tree = markTree(marks)
        for (const at of moved) markHead(marks, at, { epoch: B, relaySeq: at + 1 })
        const other = markTreeWith(tree, marks, moved)
        expect(other).toEqual(markTree(marks))
        expect(tree).toEqual(treeOf(heads))
        for (let level = 1; level < tree.length; level++) {
          for (let node = 0; node < tree[level]!.length / MARK_BYTES; node++) {
            const told = marksBelow(other, level, node)
            for (let i = 0; i < told.length / MARK_BYTES; i++) {
              const place = MARKS_BELOW * node + i
              const isMoved = moved.some((at) => Math.floor(at / MARKS_BELOW ** (level - 1)) === place)
              expect(hasMark(tree, level - 1, place, told, i)).toBe(!isMoved)
            }
          }
        }
      }),
      { seed: 413, numRuns: 60 },
    )
  })
})
