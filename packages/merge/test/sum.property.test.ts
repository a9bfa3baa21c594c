import fc from 'fast-check'
import { expect, test } from 'vitest'
import { addSums, addToSum, decodeSum, encodeSum, noSum, valueOfSum } from '../src/sum.ts'
import { shuffled } from './history.ts'
import { exactTotal } from './model.ts'

/** Numbers whose last bit is at least 2⁻¹²⁰, which is what the exact model can hold; of very different sizes. */
const addends = fc.oneof(
  fc.integer({ min: -1_000, max: 1_000 }),
  fc.constantFrom(
    0.1,
    0.2,
    0.3,
    -0.1,
    1e15,
    -1e15,
    Number.MAX_SAFE_INTEGER,
    -Number.MAX_SAFE_INTEGER,
    2 ** -60,
    2 ** -100,
    -(2 ** -100),
  ),
  fc
    .tuple(fc.integer({ min: -(2 ** 30), max: 2 ** 30 }), fc.integer({ min: -90, max: 20 }))
    .map(([m, e]) => m * 2 ** e),
)

test('[ME9] a sum is exact, rounded once, and the same in every order and grouping', () => {
  let several = 0
  fc.assert(
    fc.property(fc.array(addends, { maxLength: 20 }), fc.nat(1_000), fc.nat(20), (numbers, salt, cut) => {
      const sum = numbers.reduce(addToSum, noSum)
      expect(valueOfSum(sum)).toBe(exactTotal(numbers) + 0)
      expect(shuffled(numbers, salt).reduce(addToSum, noSum)).toEqual(sum)
      const [left, right] = [numbers.slice(0, cut), numbers.slice(cut)].map((part) => part.reduce(addToSum, noSum))
      expect(addSums(left!, right!)).toEqual(sum)
      expect(addSums(right!, left!)).toEqual(sum)
      expect(decodeSum(structuredClone(encodeSum(sum))) ?? 'too large').toEqual(
        sum.every((part) => Math.abs(part) <= Number.MAX_SAFE_INTEGER) ? sum : 'too large',
      )
      if (sum.length > 1) several += 1
    }),
    { seed: 9, numRuns: 1_000 },
  )
  expect(several).toBeGreaterThan(300)
})

test('[ME9] the case everybody knows', () => {
  expect(valueOfSum([0.1, 0.2, 0.3].reduce(addToSum, noSum))).toBe(0.6)
  expect([0.1, 0.2, -0.3, 1e15, -1e15].reduce(addToSum, noSum)).toEqual(
    [0.3, 1e15, -1e15, 0.2, 0.1].reduce((s, x) => addToSum(s, x === 0.3 ? -0.3 : x), noSum),
  )
  expect(valueOfSum([1, 2 ** -53, 2 ** -100].reduce(addToSum, noSum))).toBe(1 + 2 ** -52)
  expect(valueOfSum([1, 2 ** -53].reduce(addToSum, noSum))).toBe(1)
  expect([5, -5].reduce(addToSum, noSum)).toEqual([])
})
