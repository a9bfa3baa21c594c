import { expect, test } from 'vitest'
import { board } from './board.ts'
import { many, runSeeds, seeds, SEEDS_TIMEOUT_MS } from './seeds.ts'

const RUNS = seeds(110)

test(
  `${many(RUNS, 'long schedules with everything that can go wrong')} break no promise`,
  async () => {
    const { missing, counts, runs } = await runSeeds({ app: board, tabs: [2, 1, 1] }, 'whole', RUNS)
    expect(missing).toEqual([])
    expect(counts['actions']).toBeGreaterThan(15 * runs)
    expect(counts['opened']).toBeGreaterThan(6 * runs)
  },
  SEEDS_TIMEOUT_MS,
)
