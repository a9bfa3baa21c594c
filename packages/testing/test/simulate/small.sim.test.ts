import { expect, test } from 'vitest'
import { board } from './board.ts'
import { many, runSeeds, seeds, SEEDS_TIMEOUT_MS } from './seeds.ts'

const RUNS = seeds(1600)

// Most mistakes need two people, a few Changes and one thing that goes wrong at the wrong moment: many short schedules find more than a few long ones.
test(
  `${many(RUNS, 'short schedules of two browsers, with everything that can go wrong')}, break no promise`,
  async () => {
    const { missing, counts, runs } = await runSeeds({ app: board, tabs: [1, 1], steps: 6 }, 'small', RUNS)
    expect(missing).toEqual([])
    expect(counts['actions']).toBeGreaterThan(2 * runs)
    expect(counts['opened']).toBeGreaterThan(2 * runs)
  },
  SEEDS_TIMEOUT_MS,
)
