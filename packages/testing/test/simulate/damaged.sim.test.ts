import { expect, test } from 'vitest'
import { everyFault, simulate } from '../../src/simulate/index.ts'
import { board } from './board.ts'
import { many, runSeeds, seeds, SEEDS_TIMEOUT_MS } from './seeds.ts'

const RUNS = seeds(40)
const faults = { ...everyFault, damage: 0.08 }

test(
  `[DM1] [DM3] [DM4] ${many(RUNS, 'schedules in which disks are damaged, beside everything else')}: all replicas agree, and nothing is doubled`,
  async () => {
    const { counts, runs } = await runSeeds({ app: board, tabs: [2, 1, 1], faults }, 'damaged', RUNS)
    expect(counts['damage']).toBeGreaterThan(runs)
    const kinds = [
      'a bit is flipped',
      'it is cut',
      'it is something else',
      'it is gone',
      'one of fences',
      'one of meta',
    ]
    for (const kind of kinds) expect([kind, counts[`damaged: ${kind}`] ?? 0]).not.toEqual([kind, 0])
    expect(counts['reported storage-damaged']).toBeGreaterThan(runs / 4)
  },
  SEEDS_TIMEOUT_MS,
)

test('[DM5] seed 135 — what was authored again was sent twice when the record of that was lost (fixed 2026-11)', async () => {
  const simulation = simulate({ app: board, tabs: [2, 1, 1], faults, shrinking: 0 })
  expect((await simulation.cohort({ runs: 1, first: 135 })).failures).toEqual([])
})
