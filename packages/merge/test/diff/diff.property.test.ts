import { equalValues, toValue, type Value } from '@syncline/stm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { characters, diff, items, json, keyed, lines, words, type Difference } from '../../src/diff/index.ts'
import { charactersOf, lineEnds, wordsOf } from '../../src/diff/tokens.ts'
import { applied, lcsLength } from './model.ts'
import { history, keyedArray, keyedHistory, smallText, smallValue } from './values.ts'

const texts = fc.tuple(smallText, smallText)

test('[DF1] what differs makes the second value of the first, however they are looked at', () => {
  let found = 0
  const check = (a: Value, b: Value, differences: readonly Difference[]): void => {
    found += differences.length
    expect(equalValues(applied(a, differences), b)).toBe(true)
    expect(differences.length === 0).toBe(equalValues(a, b))
  }
  fc.assert(
    fc.property(texts, ([a, b]) => {
      for (const by of [lines, words, characters]) check(a, b, diff(a, b, by))
    }),
  )
  fc.assert(
    fc.property(history, ({ base, mine }) => {
      check(base, mine, diff(base, mine, json()))
      const [a, b] = [base, mine].map((value) => (Array.isArray(value) ? value : [value]))
      check(a!, b!, diff(a!, b!, items))
    }),
  )
  fc.assert(
    fc.property(keyedHistory, keyedArray, ({ base, mine }, other) => {
      check(toValue(base), toValue(mine), diff(base, mine, keyed('id')))
      check(toValue(base), toValue(other), diff(base, other, keyed('id')))
      const wrapped = (tasks: unknown): Value => toValue({ tasks, title: 'same' })
      check(wrapped(base), wrapped(other), diff(wrapped(base), wrapped(other), json({ tasks: keyed('id') })))
    }),
  )
  expect(found).toBeGreaterThan(500)
})

test('[DF2] nothing smaller makes the one of the other, by words, characters and items', () => {
  const sizeOf = (differences: readonly Difference[], count: (part: string | readonly Value[]) => number): number =>
    differences.reduce((sum, each) => sum + (each.kind === 'splice' ? count(each.removed) + count(each.added) : NaN), 0)
  fc.assert(
    fc.property(texts, ([a, b]) => {
      for (const [by, cut] of [
        [words, wordsOf],
        [characters, charactersOf],
      ] as const) {
        const smallest = cut(a).length + cut(b).length - 2 * lcsLength(cut(a), cut(b))
        expect(sizeOf(diff(a, b, by), (part) => cut(String(part)).length)).toBe(smallest)
      }
    }),
  )
  fc.assert(
    fc.property(fc.array(smallValue, { maxLength: 12 }), fc.array(smallValue, { maxLength: 12 }), (a, b) => {
      expect(sizeOf(diff(a, b, items), (part) => part.length)).toBe(
        a.length + b.length - 2 * lcsLength(a, b, equalValues),
      )
    }),
  )
})

test('[DF3] tokens joined are the text, and no surrogate pair is torn', () => {
  fc.assert(
    fc.property(fc.oneof(smallText, fc.string({ unit: 'binary' })), (text) => {
      const linesOf = (whole: string): string[] => {
        const ends = lineEnds(whole)
        return Array.from({ length: ends.length - 1 }, (_, i) => whole.slice(ends[i], ends[i + 1]))
      }
      for (const cut of [linesOf, wordsOf, charactersOf]) {
        const tokens = cut(text)
        expect(tokens.join('')).toBe(text)
        expect(tokens.every((token) => token !== '' && !/\p{Surrogate}/u.test(token))).toBe(true)
      }
    }),
  )
})

test('[DF6] no more items are moved than must be', () => {
  fc.assert(
    fc.property(keyedArray, fc.array(fc.nat(), { minLength: 9, maxLength: 9 }), (a, salt) => {
      const b = a
        .map((item, i) => ({ item, at: salt[i]! }))
        .sort((x, y) => x.at - y.at)
        .map(({ item }) => item)
      const kept = lcsLength(
        a.map(({ id }) => id),
        b.map(({ id }) => id),
      )
      expect(diff(a, b, keyed('id')).filter(({ kind }) => kind === 'move')).toHaveLength(a.length - kept)
    }),
  )
})
