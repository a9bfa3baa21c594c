import { expect, test } from 'vitest'
import { booking } from './booking.ts'
import { many, runSeeds, seeds, SEEDS_TIMEOUT_MS } from './seeds.ts'

const RUNS = seeds(810)

test(
  `${many(RUNS, "short schedules of one browser's tabs, which decide about things and let the relay decide")}, break no promise`,
  async () => {
    const { missing, counts, runs } = await runSeeds({ app: booking, tabs: [2], steps: 6 }, 'small-tabs', RUNS)
    expect(missing).toEqual([])
    expect(counts['browser commits']).toBeGreaterThan(runs / 2)
    expect(counts['relay commits']).toBeGreaterThan(runs / 4)
  },
  SEEDS_TIMEOUT_MS,
)
