import { expect, test } from 'vitest'
import { counted } from '../counted.ts'
import { everyFault, simulate, type Faults } from '../../src/simulate/index.ts'
import { many, runSeeds, search, seeds, SEEDS_TIMEOUT_MS } from './seeds.ts'
import { shelves } from './shelves.ts'

const RUNS = seeds(90)
/** Less than usual, so that there is time to load, to write and to let go. Disks are full more often: while one is, a memory is ahead of its log, and it matters what leaves it. */
const faults: Partial<Faults> = {
  ...Object.fromEntries(Object.entries(everyFault).map(([name, rate]) => [name, rate < 1 ? rate / 2.5 : rate])),
  quota: 0.1,
  refusal: 0.05,
}

test(
  `[OD3] [OD4] [OD5] [OD6] [OD9] ${many(RUNS, 'schedules in which tabs load and let go, with everything that can go wrong')}, break no promise`,
  async () => {
    const { counts, runs } = await runSeeds({ app: shelves, tabs: [2, 1], steps: 30, faults }, 'on-demand', RUNS)
    expect(counts['changes']).toBeGreaterThan(3 * runs)
    expect(counts['loads']).toBeGreaterThan(8 * runs)
    expect(counts['left the memory']).toBeGreaterThan(2 * runs)
    expect(counts['declined not-loaded']).toBeGreaterThan(runs)
    expect(counts['compaction']).toBeGreaterThan(runs)
  },
  SEEDS_TIMEOUT_MS,
)

test('[OD3] [OD5] [OD6] whatever call of a storage a run ends at in which tabs load and let go, nothing is lost', async () => {
  const simulation = simulate({ app: shelves, tabs: [2, 1], faults: { compaction: 1 }, steps: 60, ...search })
  const { report, commits, points, ends, losses } = await simulation.crashes()
  counted('ends of runs', ends + losses)
  expect(commits).toBeGreaterThan(20)
  expect(points).toBeGreaterThan(500)
  expect(ends).toBeGreaterThan(3 * commits)
  expect(losses).toBeGreaterThan(20)
  expect(report.counts['loads']).toBeGreaterThan(30)
  expect(report.counts['left the memory']).toBeGreaterThan(30)
  expect(report.counts['compaction']).toBeGreaterThan(4)
}, 600_000)
