import { counter, lww } from '@syncline/merge'
import { expect, test } from 'vitest'
import { exhaust, simulate, type SimulatedApp } from '../../src/simulate/index.ts'

const votes = counter('votes')
const seat = lww<string | null>('seat', null, { arbiter: 'relay' })
const print = (): void => {}
const nothing = { code: 'nothing-happened' }

/** It votes where somebody has voted, which nobody does. */
const idle = {
  refs: { votes },
  actions: { vote: (tx) => void (tx.get(votes) > 0 && tx.add(votes, 1)) },
} satisfies SimulatedApp

test('where actions write nothing nothing has happened, although the simulator writes', async () => {
  const options = { app: idle, tabs: [1], faults: {}, steps: 6 }
  const simulation = simulate(options)
  await expect(simulation.run(1)).rejects.toMatchObject(nothing)
  await expect(simulation.cohort({ runs: 2 })).rejects.toMatchObject(nothing)
  await expect(simulate({ ...options, steps: 2 }).crashes({ print })).rejects.toMatchObject(nothing)
  expect((await simulation.replay(1)).counts['actions']).toBeGreaterThan(3)
})

test.each([
  { of: 'changes', by: 'state' },
  { of: 'changes', by: 'order' },
  { of: 'frames', by: 'order' },
] as const)('nor has it where all orders of $of were explored by $by', async (how) => {
  const does = [['vote'], ['vote']]
  await expect(exhaust({ app: idle, does, print, ...how })).rejects.toMatchObject(nothing)
})

test('where everything is refused nothing has happened either', async () => {
  const app = {
    refs: { seat },
    actions: { sit: { arbiter: 'relay', body: (tx, chance) => tx.set(seat, chance.unique()) } },
  } satisfies SimulatedApp
  const relay = { refuse: () => ({ code: 'full', message: 'There is no seat.' }) }
  const options = { app, tabs: [1, 1], faults: {}, steps: 6 }
  await expect(simulate({ ...options, relay }).run(1)).rejects.toMatchObject(nothing)
  expect((await simulate(options).run(1)).counts['changes']).toBeGreaterThan(0)
})

test('where there is nobody nothing can be simulated', () => {
  for (const options of [{ tabs: [] }, { replicas: 0 }, { replicas: 1, tabs: [1, 1] }, { tabs: [1, 0] }])
    expect(() => simulate({ app: idle, ...options })).toThrow('Give at least one replica')
})

test('a fault that there is not, or at a rate that is none, is said and not left out', () => {
  const app = idle
  // As somebody writes who writes JavaScript.
  const unknown = { tabcrash: 0.1 } as Record<string, number>
  expect(() => simulate({ app, faults: unknown })).toThrow(/no fault "tabcrash".*tabCrash,/)
  for (const loss of [1.5, -0.1, Number.NaN]) expect(() => simulate({ app, faults: { loss } })).toThrow(/from 0 to 1/)
  expect(() => simulate({ app, faults: { loss: 1, delay: 0 } })).not.toThrow()
})
