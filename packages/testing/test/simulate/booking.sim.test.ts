import { expect, test } from 'vitest'
import { everyFault, simulate } from '../../src/simulate/index.ts'
import { booking } from './booking.ts'
import { many, runSeeds, seeds, SEEDS_TIMEOUT_MS } from './seeds.ts'

const RUNS = seeds(60)

test(
  `what browsers and the relay decide about is one after the other, in ${many(RUNS, 'long schedules')}`,
  async () => {
    const { counts, runs } = await runSeeds({ app: booking, tabs: [3, 1], steps: 28 }, 'booking', RUNS)
    expect(counts['actions']).toBeGreaterThan(runs)
    expect(counts['browser commits']).toBeGreaterThan(4 * runs)
    expect(counts['relay commits']).toBeGreaterThan(2 * runs)
    // Where nothing depends on anything, no order would be wrong.
    expect(counts['browser dependencies']).toBeGreaterThan(6 * runs)
    expect(counts['relay dependencies']).toBeGreaterThan(4 * runs)
    expect(counts['unflushed writes lost']).toBeGreaterThan(0)
  },
  SEEDS_TIMEOUT_MS,
)

test.each([5037, 5249])(
  'seed %i — a tab that had a link of its own for a while left others offline (fixed 2026-11)',
  async (seed) => {
    // What could go wrong when they were found.
    const faults = { ...everyFault, relayRestore: 0, damage: 0 }
    const { failures } = await simulate({ app: booking, tabs: [3, 1], faults, shrinking: 0 }).cohort({
      runs: 1,
      first: seed,
    })
    expect(failures).toEqual([])
  },
)
