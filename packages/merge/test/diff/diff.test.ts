import { expect, test } from 'vitest'
import { characters, diff, items, json, keyed, lines, words, type By } from '../../src/diff/index.ts'
import { hunksOf, type Work } from '../../src/diff/script.ts'
import { createNumbering } from '../../src/diff/symbols.ts'
import { wordsOf } from '../../src/diff/tokens.ts'
import { createDice } from './dice.ts'

const splice = (at: number, removed: string, added: string) => ({ kind: 'splice', path: [], at, removed, added })

test('[DF3] a line is taken with its end, so a last line without one is another line', () => {
  expect(diff('a\nb', 'a\nb\n', lines)).toEqual([splice(2, 'b', 'b\n')])
  expect(diff('a\r\nb\r\n', 'a\nb\r\n', lines)).toEqual([splice(0, 'a\r\n', 'a\n')])
  expect(diff('', '\n', lines)).toEqual([splice(0, '', '\n')])
})

test('[DF3] words are letters and digits of any script; space is kept together, and marks and signs stand alone', () => {
  expect(wordsOf("Zoë's  snake_case2, naïve—été\t\n„Ärger“ 3.5€")).toEqual([
    'Zoë',
    "'",
    's',
    '  ',
    'snake_case2',
    ',',
    ' ',
    'naïve',
    '—',
    'été',
    '\t\n',
    '„',
    'Ärger',
    '“',
    ' ',
    '3',
    '.',
    '5',
    '€',
  ])
  expect(wordsOf('東京へ行く。 Привет мир')).toEqual(['東', '京', 'へ', '行', 'く', '。', ' ', 'Привет', ' ', 'мир'])
  expect(diff('one two', 'one  two', words)).toEqual([splice(3, ' ', '  ')])
})

test('[DF3] characters are code points: a family of emoji is several, a surrogate pair is one', () => {
  expect(diff('a👨‍👩‍👧b', 'a👨‍👩‍👦b', characters)).toEqual([splice(7, '👧', '👦')])
})

test('[DF4] items are equal by value, whatever the order of their keys', () => {
  expect(diff([{ a: 1, b: [NaN] }, '1', 1], [{ b: [NaN], a: 1 }, 1, -0], items)).toEqual([
    { kind: 'splice', path: [], at: 1, removed: ['1'], added: [] },
    { kind: 'splice', path: [], at: 3, removed: [], added: [0] },
  ])
  // What is written alike and is not the same.
  expect(diff(['[1]', [1], 'null', null, '1', 1, '<1>', new Uint8Array([1])], [], items)).toHaveLength(1)
  expect(diff([[1], '[1]'], ['[1]', [1]], items)).toHaveLength(2)
})

test('[DF5] what could stand at several places stands as far down as it can, or where the other side has a change too', () => {
  expect(diff('a\nb\na\nb\n', 'a\nb\na\nb\na\nb\n', lines)).toEqual([splice(8, '', 'a\nb\n')])
  expect(diff('x\n}\n\n', 'x\n}\n\ny\n}\n\n', lines)).toEqual([splice(5, '', 'y\n}\n\n')])
  expect(diff('b\nc\na\na\nd\n', 'b\nx\na\nd\n', lines)).toEqual([splice(2, 'c\na\n', 'x\n')])
})

test('[DF6] keyed arrays say who came, went, moved and changed', () => {
  const [a, b, c] = ['a', 'b', 'c'].map((id) => ({ id, n: 1 }))
  expect(diff([a, b, c], [c, { id: 'd', n: 1 }, { id: 'a', n: 2 }], keyed('id'))).toEqual([
    { kind: 'set', path: [{ id: 'b' }], was: b },
    { kind: 'move', path: [{ id: 'c' }], behind: null },
    { kind: 'set', path: [{ id: 'd' }], is: { id: 'd', n: 1 }, behind: 'c' },
    { kind: 'set', path: [{ id: 'a' }, 'n'], was: 1, is: 2 },
  ])
  // Keys of two types are two keys.
  expect(diff([{ id: 1 }], [{ id: '1' }], keyed('id'))).toHaveLength(2)
})

test('[DF7] what does not fit is refused by name', () => {
  const refusal = (a: unknown, by: By<any>) => () => diff(a, a, by)
  expect(refusal(3, lines)).toThrow('The first value is a number and no text, so it cannot be compared by lines')
  expect(refusal('text', items)).toThrow('is a string and no array')
  expect(refusal([{ id: 'x' }, { id: 'y' }, { id: 'x' }], keyed('id'))).toThrow(
    expect.objectContaining({
      code: 'duplicate-key',
      message: expect.stringContaining('has at 0 and 2 items with the same "id", "x"') as string,
    }),
  )
  expect(refusal([{ id: 'x' }, { name: 'y' }], keyed('id'))).toThrow(
    'has at 1 an item without a string or number as "id"',
  )
  expect(refusal([Object.create({ id: 'inherited' })], keyed('id'))).toThrow(
    expect.objectContaining({ code: 'invalid-value' }),
  )
  expect(refusal(new Date(), json())).toThrow('The first value is an instance of Date')
})

test('[DF8] a field that does not fit what is said of it is looked at as if nothing were', () => {
  const by = json({ title: words, tasks: keyed('id') })
  expect(diff({ title: 'a b', tasks: [1, 2] }, { title: 3, tasks: [1, 3] }, by)).toEqual([
    { kind: 'set', path: ['title'], was: 'a b', is: 3 },
    { kind: 'splice', path: ['tasks'], at: 1, removed: [2], added: [3] },
  ])
})

test('[DF9] names that mean something to JavaScript are names', () => {
  const odd = JSON.parse('{"__proto__": {"x": 1}, "constructor": 1, "prototype": 2}') as object
  expect(diff({}, odd, json())).toEqual([
    { kind: 'set', path: ['__proto__'], is: { x: 1 } },
    { kind: 'set', path: ['constructor'], is: 1 },
    { kind: 'set', path: ['prototype'], is: 2 },
  ])
  expect(({} as { x?: number }).x).toBeUndefined()
})

/** How many items are looked at, for each item that there is. */
function stepsPerItem(a: readonly number[], b: readonly number[], skims = true): number {
  const work: Work = { steps: 0 }
  const numbering = createNumbering()
  hunksOf(numbering.of(a), numbering.of(b), numbering.count(), { skims, work })
  return work.steps / (a.length + b.length)
}

const upTo = (length: number): number[] => Array.from({ length }, (_, i) => i)
const many = (length: number, sides: number, seed: number): number[] => {
  const dice = createDice(seed)
  return Array.from({ length }, () => dice.below(sides))
}

test('[DF10] work grows with the length, on repetitions and on nothing in common', () => {
  const cases = {
    'equal lines, and some more': stepsPerItem(Array(200_000).fill(7), Array(200_100).fill(7)),
    'equal lines, one in the middle changed': stepsPerItem(
      Array(200_000).fill(7),
      Array(200_000).fill(7).with(99_999, 8),
    ),
    'distinct lines against others': stepsPerItem(
      upTo(20_000),
      upTo(20_000).map((i) => i + 20_000),
    ),
    'distinct lines against others, each second one a brace': stepsPerItem(
      upTo(40_000).map((i) => (i % 2 ? -1 : i)),
      upTo(40_000).map((i) => (i % 2 ? -1 : i + 40_000)),
    ),
    'a block moved to the other end': stepsPerItem(upTo(100_000), [...upTo(100_000).slice(40_000), ...upTo(40_000)]),
    'two lines in turn, and one more before them': stepsPerItem(
      upTo(100_000).map((i) => i % 2),
      [1, ...upTo(100_000).map((i) => i % 2)],
    ),
    'repetitions in repetitions': stepsPerItem(
      upTo(60_000).map((i) => Math.floor(i / 3) % 2),
      upTo(60_000).flatMap((i) => (i % 97 === 0 ? [i % 2, Math.floor(i / 3) % 2] : [Math.floor(i / 3) % 2])),
    ),
  }
  for (const [name, steps] of Object.entries(cases))
    expect([name, steps]).toEqual([name, expect.toSatisfy((n: number) => n < 128)])
})

test.each([2, 4, 20, 200])(
  '[DF10] of %i kinds of lines in no order, work grows with the root of the length at most',
  (sides) => {
    for (const length of [2_000, 32_000]) {
      for (const skims of [true, false]) {
        const steps = stepsPerItem(many(length, sides, 1), many(length, sides, 2), skims)
        expect(steps).toBeLessThan(3 * Math.max(256, Math.sqrt(2 * length)))
      }
    }
    const reversed = many(20_000, sides, 3)
    expect(stepsPerItem(reversed, reversed.toReversed())).toBeLessThan(3 * 256)
  },
)
