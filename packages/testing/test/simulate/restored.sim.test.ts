import { expect, test } from 'vitest'
import { everyFault, type Faults, type SimulatedApp } from '../../src/simulate/index.ts'
import { board } from './board.ts'
import { booking } from './booking.ts'
import { shelves } from './shelves.ts'
import { runSeeds, seeds, SEEDS_TIMEOUT_MS } from './seeds.ts'

const relayRestore = 0.08
/** Some are away, while others go on and write over what the backup has not. */
const away: Partial<Faults> = { relayRestore, partition: 0.2, tabCrash: 0.02, halfOpen: 0.02 }

const { sit: _, ...undecided } = shelves.actions
/** What the relay decides about cannot be joined. */
const merging: SimulatedApp = { ...shelves, actions: undecided }

interface Restored {
  readonly name: string
  readonly app: SimulatedApp
  readonly tabs: readonly number[]
  readonly steps: number
  readonly runs: number
  readonly faults: Partial<Faults>
}

test.each<Restored>([
  { name: 'restored', app: board, tabs: [2, 1], steps: 18, runs: 60, faults: { ...everyFault, relayRestore } },
  { name: 'restored-away', app: board, tabs: [1, 1, 1], steps: 20, runs: 50, faults: away },
  {
    name: 'restored-shelves',
    app: merging,
    tabs: [2, 1],
    steps: 24,
    runs: 40,
    faults: { ...everyFault, relayRestore },
  },
])(
  '[ST47] [RL74] [RL75] [RL76] what the relay has lost is brought back by who has it, nothing is lost or doubled, and all agree ($name)',
  async ({ name, runs: each, ...options }) => {
    const { counts, runs } = await runSeeds(options, name, seeds(each))
    expect(counts['relayRestore']).toBeGreaterThan(runs / 4)
    expect(counts['relay lost everything']).toBeGreaterThan(runs / 20)
    expect(counts['joined']).toBeGreaterThan(runs / 4)
  },
  SEEDS_TIMEOUT_MS,
)

test(
  '[ST25] who knows what the relay has decided and an old backup of it has not notices it and keeps it, and all others agree',
  async () => {
    const options = { app: booking, tabs: [2, 1], steps: 20, faults: { ...everyFault, relayRestore } }
    const { counts, runs } = await runSeeds(options, 'restored-booking', seeds(30))
    expect(counts['relayRestore']).toBeGreaterThan(runs / 4)
    expect(counts['cut off']).toBeGreaterThan(runs / 8)
  },
  SEEDS_TIMEOUT_MS,
)
