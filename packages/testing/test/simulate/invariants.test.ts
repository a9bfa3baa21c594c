import { counter } from '@syncline/merge'
import { expect, test } from 'vitest'
import { exhaust, simulate, type SimulatedApp } from '../../src/simulate/index.ts'

const votes = counter('votes')
const print = (): void => {}

test.each([
  ['returns undefined', () => undefined as unknown as boolean, 'the invariant "few" returns undefined. Return true,'],
  [
    'throws',
    () => {
      throw new Error('no such card')
    },
    'the invariant "few" does not hold: no such card',
  ],
] as const)('an invariant that %s holds nowhere', async (_, few, words) => {
  const app = {
    refs: { votes },
    actions: { vote: (tx) => tx.add(votes, 1) },
    invariants: { few },
  } satisfies SimulatedApp
  const said = { counterexample: { check: 'invariant', what: expect.stringContaining(words) } }
  await expect(exhaust({ app, does: [['vote'], ['vote']], print })).rejects.toMatchObject(said)
  await expect(simulate({ app, tabs: [1, 1], faults: {}, shrinking: 0 }).run(1)).rejects.toMatchObject(said)
})
