import { expect, test } from 'vitest'
import { board } from './board.ts'
import { booking } from './booking.ts'
import { many, runSeeds, seeds, SEEDS_TIMEOUT_MS } from './seeds.ts'

const RUNS = seeds(60)

test.each([
  ['board', { app: board, tabs: [3, 1] }],
  ['booking', { app: booking, tabs: [2, 2], steps: 30 }],
])(
  `[ID26] %s: ${many(RUNS, 'schedules in browsers without Web Locks, with everything that can go wrong')} break no promise`,
  async (name, plan) => {
    const { missing, counts, runs } = await runSeeds({ ...plan, webLocks: false }, `leases-${name}`, RUNS)
    expect(missing).toEqual([])
    for (const fault of ['tabCrash', 'freeze', 'stall']) expect(counts[fault]).toBeGreaterThan(runs / 4)
  },
  SEEDS_TIMEOUT_MS,
)
