import { expect, test } from 'vitest'
import { everyFault } from '../../src/simulate/index.ts'
import { board } from './board.ts'
import { booking } from './booking.ts'
import { many, runSeeds, seeds, SEEDS_TIMEOUT_MS } from './seeds.ts'

const faults = { ...everyFault, storageDelay: 0.1 }
const RUNS = seeds(40)

test.each([
  ['board', { app: board, tabs: [2, 1, 1] }],
  ['booking', { app: booking, tabs: [3, 1], steps: 30 }],
])(
  `%s: ${many(RUNS, 'schedules on slow disks, with everything else that can go wrong')} break no promise`,
  async (name, plan) => {
    const { missing, counts, runs } = await runSeeds({ ...plan, faults }, `slow-disks-${name}`, RUNS)
    expect(missing.filter((fault) => fault === 'storageDelay')).toEqual([])
    expect(counts['storageDelay']).toBeGreaterThan(runs)
  },
  SEEDS_TIMEOUT_MS,
)
