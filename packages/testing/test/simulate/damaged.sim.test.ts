import { expect, test } from 'vitest'
import { everyFault, simulate } from '../../src/simulate/index.ts'
import { board } from './board.ts'
import { runSeeds, seeds, SEEDS_TIMEOUT_MS } from './seeds.ts'

const RUNS = seeds(40)

test(
  `[DM1] [DM3] [DM4] ${RUNS} schedules in which disks are damaged, beside everything else: all replicas agree, and nothing is doubled`,
  async () => {
    const simulation = simulate({ app: board, tabs: [2, 1, 1], faults: { ...everyFault, damage: 0.08 } })
    const { counts, runs } = await runSeeds(simulation, 'damaged', RUNS)
    expect(counts['damage']).toBeGreaterThan(runs)
    for (const kind of ['a bit is flipped', 'it is cut', 'it is something else', 'it is gone']) {
      expect(counts[`damage: ${kind}`]).toBeGreaterThan(0)
    }
    expect(counts['reported storage-damaged']).toBeGreaterThan(0)
  },
  SEEDS_TIMEOUT_MS,
)
