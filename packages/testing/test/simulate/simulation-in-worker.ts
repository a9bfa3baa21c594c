import { counter } from '@syncline/merge'
import { simulate, type Simulation } from '../../src/simulate/index.ts'

const votes = counter('votes')

/** Votes of two browsers, of which a few are too many: some seeds fail. What a worker runs is a bundle of this module. */
export const simulation: Simulation = simulate({
  app: {
    refs: { votes },
    actions: { vote: (tx, chance) => tx.add(votes, chance.happens(0.2) ? 3 : 1) },
    invariants: { 'there are not many votes': (snapshot) => snapshot.get(votes) < 5 },
  },
  tabs: [1, 1],
  steps: 6,
  // Enough to be quick.
  shrinking: 12,
})
