import { counter, lww } from '@syncline/merge'
import type { Tx } from '@syncline/stm'
import { expect, test } from 'vitest'
import type { ActionChance, SimulatedApp } from '../../src/simulate/index.ts'
import { many, runSeeds, seeds, SEEDS_TIMEOUT_MS } from './seeds.ts'

const RUNS = seeds(100)

const note = lww('note', '')
const votes = counter('votes')
const draft = lww('draft', '', { arbiter: 'browser' })

/** What may go with the power, and what may not: of each kind something. */
const letters: SimulatedApp = {
  refs: { note, votes, draft },
  actions: {
    note: { weight: 3, body: (tx: Tx, chance: ActionChance) => tx.set(note, chance.unique()) },
    vote: { weight: 3, durability: 'strict', body: (tx: Tx) => tx.add(votes, 1) },
    draft: { arbiter: 'browser', body: (tx, chance) => tx.set(draft, chance.unique()) },
    sign: { arbiter: 'browser', durability: 'strict', body: (tx, chance) => tx.set(draft, chance.unique()) },
  },
}

test(
  `[ST51] in ${many(RUNS, 'schedules')} in which the power fails, what was strict and told durable is never gone`,
  async () => {
    const faults = { powerLoss: 0.2, storageDelay: 0.4, partition: 0.1 }
    const { counts, missing, runs } = await runSeeds({ app: letters, tabs: [2], faults, steps: 12 }, 'strict', RUNS)
    expect(missing).toEqual([])
    expect(counts['powerLoss']).toBeGreaterThan(runs / 4)
    expect(counts['actions']).toBeGreaterThan(runs)
    expect(counts['browser commits']).toBeGreaterThan(runs / 3)
  },
  SEEDS_TIMEOUT_MS,
)
