import { expect, test } from 'vitest'
import { simulate } from '../../src/simulate/index.ts'
import { board } from './board.ts'

const isLong = process.env['SYNCLINE_LONG'] === '1'
const RUNS = isLong ? 20_000 : 130
/** The same in each run of `npm test`; in the long run what nobody has tried. */
const FIRST = isLong ? Math.floor(Math.random() * 2 ** 31) : 1

test(`${RUNS} schedules with everything that can go wrong break no promise`, async () => {
  const simulation = simulate({ app: board, tabs: [2, 1, 1] })
  const { failures, missing, counts, runs } = await simulation.cohort({ runs: RUNS, first: FIRST })
  expect(failures).toEqual([])
  expect(missing).toEqual([])
  expect(runs).toBe(RUNS)
  expect(counts['actions']).toBeGreaterThan(15 * RUNS)
  expect(counts['opened']).toBeGreaterThan(7 * RUNS)
}, 14_400_000)
