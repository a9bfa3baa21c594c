import { expect, test } from 'vitest'
import { simulate } from '../../src/simulate/index.ts'
import { booking } from './booking.ts'

const isLong = process.env['SYNCLINE_LONG'] === '1'
const RUNS = isLong ? 10_000 : 60
/** The same in each run of `npm test`; in the long run what nobody has tried. */
const FIRST = isLong ? Math.floor(Math.random() * 2 ** 31) : 1

test(`what browsers and the relay decide about is one after the other, in ${RUNS} schedules`, async () => {
  const simulation = simulate({ app: booking, tabs: [3, 1], steps: 28 })
  const { failures, counts, runs } = await simulation.cohort({ runs: RUNS, first: FIRST })
  expect(failures).toEqual([])
  expect(runs).toBe(RUNS)
  expect(counts['actions']).toBeGreaterThan(RUNS)
  expect(counts['browser commits']).toBeGreaterThan(4 * RUNS)
  expect(counts['relay commits']).toBeGreaterThan(2 * RUNS)
  // Where nothing depends on anything, no order would be wrong.
  expect(counts['browser dependencies']).toBeGreaterThan(6 * RUNS)
  expect(counts['relay dependencies']).toBeGreaterThan(4 * RUNS)
  expect(counts['unflushed writes lost']).toBeGreaterThan(0)
}, 14_400_000)

test.each([5037, 5249])(
  'seed %i — a tab that had a link of its own for a while left others offline (fixed 2026-11)',
  async (seed) => {
    const { failures } = await simulate({ app: booking, tabs: [3, 1], shrinking: 0 }).cohort({ runs: 1, first: seed })
    expect(failures).toEqual([])
  },
)
