import { expect, test } from 'vitest'
import { everyFault } from '../../src/simulate/index.ts'
import { board } from './board.ts'
import { many, runSeeds, seeds, SEEDS_TIMEOUT_MS } from './seeds.ts'

const RUNS = seeds(20)
const faults = { ...everyFault, refusal: 0.15 }

test(
  `${many(RUNS, 'schedules in which the relay refuses much of what tabs have seen of each other, beside everything else')}, lose and tear nothing else`,
  async () => {
    const { counts, runs } = await runSeeds({ app: board, tabs: [3, 1], steps: 30, faults }, 'refused', RUNS)
    expect(counts['refusal']).toBeGreaterThan(runs)
  },
  SEEDS_TIMEOUT_MS,
)
