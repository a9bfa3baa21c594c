import { counter } from '@syncline/merge'
import { expect, test } from 'vitest'
import { simulate, type SimulatedApp } from '../../src/simulate/index.ts'

const votes = counter('votes')

test('a diagram shows what went wrong where it did', async () => {
  const app = {
    refs: { votes },
    actions: { vote: (tx) => tx.add(votes, 1) },
    invariants: { few: (snapshot) => snapshot.get(votes) < 3 },
  } satisfies SimulatedApp
  const faults = { tabCrash: 0.5, clockSet: 0.2 }
  const error: unknown = await simulate({ app, tabs: [1, 1], faults, shrinking: 0 })
    .run(1)
    .catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({
    counterexample: {
      steps: expect.arrayContaining([
        expect.stringMatching(/^browser [12]\/tab 1(\/\d+)?: tabCrash$/),
        expect.stringMatching(/^(browser [12]|relay): clockSet$/),
      ]),
      diagram: expect.stringContaining('✕ tabCrash'),
    },
  })
})
