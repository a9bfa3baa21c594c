import { expect, test } from 'vitest'
import { everyFault } from '../../src/simulate/index.ts'
import { board } from './board.ts'
import { booking } from './booking.ts'
import { runSeeds, seeds, SEEDS_TIMEOUT_MS } from './seeds.ts'

// Browsers that lose much, and a relay whose log is soon worth a checkpoint: many come new, and each may be brought one of any age.

const limits = { leastTailBytes: 300, maxFrameBytes: 400 }
/** Where something was joined to a log there are no checkpoints of it: so it takes nothing back. */
const takesNothing = { ...limits, maxJoinBytes: 1 }

test.each([
  { name: 'newcomers', app: board, tabs: [1, 2, 1, 1], runs: 60, relayRestore: 0.02, limits },
  // So often that there are checkpoints of other logs to be brought.
  { name: 'newcomers-booking', app: booking, tabs: [1, 1, 1, 1], runs: 60, relayRestore: 0.05, limits: takesNothing },
])(
  'who comes new is brought what a relay keeps, whatever goes wrong, and no promise is broken ($name)',
  async ({ name, app, tabs, runs: each, relayRestore, limits: own }) => {
    const relay = { keepsCheckpoints: true, limits: own }
    const faults = { ...everyFault, relayRestore }
    const { counts, runs } = await runSeeds({ app, tabs, relay, faults, steps: 30 }, name, seeds(each))
    expect(counts['checkpoint']).toBeGreaterThan(runs / 2)
  },
  SEEDS_TIMEOUT_MS,
)
