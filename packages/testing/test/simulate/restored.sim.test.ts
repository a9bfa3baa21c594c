import { expect, test } from 'vitest'
import { everyFault, type Faults, type SimulatedApp } from '../../src/simulate/index.ts'
import { board } from './board.ts'
import { booking } from './booking.ts'
import { runSeeds, seeds, SEEDS_TIMEOUT_MS } from './seeds.ts'

const relayRestore = 0.08
/** Some are away, while others go on and write over what the backup has not. */
const away: Partial<Faults> = { relayRestore, partition: 0.2, tabCrash: 0.02, halfOpen: 0.02 }

interface Restored {
  readonly name: string
  readonly app: SimulatedApp
  readonly tabs: readonly number[]
  readonly steps: number
  readonly runs: number
  readonly faults: Partial<Faults>
}

test.each<Restored>([
  { name: 'restored', app: board, tabs: [2, 1], steps: 18, runs: 40, faults: { ...everyFault, relayRestore } },
  { name: 'restored-away', app: board, tabs: [1, 1, 1], steps: 20, runs: 50, faults: away },
  {
    name: 'restored-booking',
    app: booking,
    tabs: [2, 1],
    steps: 20,
    runs: 30,
    faults: { ...everyFault, relayRestore },
  },
])(
  'who knows what an old backup of the relay has not notices it and keeps it, and all others agree ($name)',
  async ({ name, runs: each, ...options }) => {
    const { counts, runs } = await runSeeds(options, name, seeds(each))
    expect(counts['relayRestore']).toBeGreaterThan(runs / 4)
    expect(counts['cut off']).toBeGreaterThan(runs / 8)
  },
  SEEDS_TIMEOUT_MS,
)
