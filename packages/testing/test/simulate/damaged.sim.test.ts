import { expect, test } from 'vitest'
import { everyFault, simulate, type Trace } from '../../src/simulate/index.ts'
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

/**
 * Made while what takes away was stored once: the only record that a writer was refused is damaged, and what was authored again is sent under both names. A
 * trace says what happens whatever other schedules become of the same seed.
 */
const twice: Trace = {
  seed: 181,
  decisions: {
    'step 3': [4136, 0, 0, 6],
    'step 4': [3673, 0, 0, 1, 1],
    'step 5': [6826],
    'step 7': [9052],
    'step 10': [1118, 0, 0, 0, 4],
    'step 16': [7088, 7],
    'step 17': [7319, 7],
    refusal: [0, 1],
    'step 18': [6015, 0, 0, 0, 0, 1, 6],
  },
  rest: 'calm',
}

test('[DM5] what was authored again is sent once when the record of that is lost', async () => {
  const often = { ...everyFault, damage: 0.1, clockSet: 0.08, refusal: 0.06, relayRestore: 0 }
  const simulation = simulate({ app: board, tabs: [2, 1], faults: often, steps: 25, shrinking: 0 })
  const { counts } = await simulation.replay(twice)
  // It is still the schedule that it was.
  expect(counts).toMatchObject({ damage: 1 })
})

/** Of the checkpoint of a browser that has gone over to what was joined only the end is left: it says how far the relay's log goes, and not what is in it. */
const endOnly: Trace = {
  seed: 24,
  decisions: {
    'step 4': [6341, 3],
    'step 5': [4801, 4],
    'reset browser 2': [1],
    'step 14': [2570, 7],
    'step 20': [5107, 0, 1, 0, 1],
  },
  rest: 'calm',
}

test('[DM3] [ST47] what was joined to the log of a relay heals a damaged disk as the log itself does', async () => {
  const simulation = simulate({ app: board, tabs: [2, 1, 1], faults, shrinking: 0 })
  const { counts } = await simulation.replay(endOnly)
  // It is still the schedule that it was.
  expect(counts).toMatchObject({ damage: 1, relayRestore: 1 })
})
