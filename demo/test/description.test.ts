import fc from 'fast-check'
import { expect, test } from 'vitest'
import { description } from '../src/description/description.ts'

test('every id that a card may have names a description of its own, and plain ones as they are', () => {
  expect(description('8c1f-2').address).toBe('description.8c1f-2')
  const ids = fc.oneof(
    fc.string({ unit: fc.constantFrom('a', 'Z', '7', '_', '-', '.'), minLength: 1, maxLength: 9 }),
    fc.string({ unit: fc.constantFrom('a', '-', '.', ' ', '/', '😀', 'ü'), minLength: 1, maxLength: 200 }),
  )
  let [plain, others] = [0, 0]
  fc.assert(
    fc.property(ids, ids, (one, other) => {
      const { address } = description(one)
      if (address === `description.${one}`) plain += 1
      else others += 1
      expect(description(one).address).toBe(address)
      expect(description(other).address === address).toBe(one === other)
    }),
    {
      seed: 1,
      examples: [
        ['This week-0', 'This week-00'],
        ['x'.repeat(116), 'x'.repeat(117)],
        ['-', 'a-'],
      ],
    },
  )
  expect(plain).toBeGreaterThan(10)
  expect(others).toBeGreaterThan(50)
})
