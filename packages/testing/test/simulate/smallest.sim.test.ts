import { collection, lww } from '@syncline/merge'
import { expect, test } from 'vitest'
import { everyFault, simulate, SimulationError, type SimulatedApp, type Trace } from '../../src/simulate/index.ts'
import { board } from './board.ts'

// What fails by chance is made smaller, drawn, and can be seen again.

const cards = collection('cards', { title: '' })
const order = lww<readonly string[]>('order', [])

/** Two people who add a card at the same time: one of them is not in the order. */
const unordered = {
  refs: { cards, order },
  actions: {
    add(tx, chance) {
      const id = chance.unique()
      tx.create(cards.at(id), { title: 'new' })
      tx.set(order, [...tx.get(order), id])
    },
  },
  invariants: {
    'every card has a place': (snapshot) => snapshot.get(cards).every((id) => snapshot.get(order).includes(id)),
  },
} satisfies SimulatedApp

async function failureOf(running: Promise<unknown>): Promise<SimulationError> {
  const error: unknown = await running.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (error instanceof SimulationError) return error
  throw new Error(`It did not fail as a simulation does: ${String(error)}`)
}

test.each([3, 4])('seed %i fails, is made smaller, and fails again in the same way', async (seed) => {
  const simulation = simulate({ app: unordered, tabs: [1, 1, 1] })
  const error = await failureOf(simulation.run(seed))
  const { check, what, steps, mermaid } = error.counterexample!
  expect([check, what]).toEqual(['invariant', expect.stringContaining('every card has a place')])
  // Two are enough, and two it takes.
  expect(steps.filter((step) => /: \d+: add$/.test(step))).toHaveLength(2)
  expect(mermaid).toContain('sequenceDiagram')
  const [, said] = /replay\((\{.*\})\)/.exec(error.message)!
  const trace = JSON.parse(said!) as Trace
  const again = await failureOf(simulation.replay(trace))
  expect(again.counterexample).toEqual(error.counterexample)
})

test('a cohort sums up what happened, and goes on where it stopped', async () => {
  const simulation = simulate({ app: board, tabs: [2, 1] })
  const whole = await simulation.cohort({ runs: 3, first: 11 })
  expect(whole).toMatchObject({ first: 11, next: 14, runs: 3, failures: [] })
  expect(whole.counts.actions).toBeGreaterThan(40)
  expect(whole.missing.filter((fault) => (whole.counts[fault] ?? 0) > 0)).toEqual([])
  expect(whole.missing.length).toBeLessThan(Object.keys(everyFault).length)
  const begun = await simulation.cohort({ runs: 1, first: 11 })
  const rest = await simulation.cohort({ runs: 2, first: begun.next })
  expect(begun.counts.actions! + rest.counts.actions!).toBe(whole.counts.actions)
  const failing = await simulate({ app: unordered, tabs: [1, 1], shrinking: 0 }).cohort({ runs: 50, failures: 2 })
  expect(failing.failures).toHaveLength(2)
  await expect(simulate({ app: unordered, steps: 0 }).cohort({ runs: 1 })).rejects.toMatchObject({
    code: 'nothing-happened',
  })
})

test('a simulation also asks of every order, and of calm', async () => {
  const simulation = simulate({ app: unordered })
  const does = [['add'], ['add']]
  await expect(simulation.exhaust({ does, print: () => {} })).rejects.toThrow('every card has a place')
  const calm = simulate({ app: board }).calm({
    does: ['vote', 'vote'],
    observe: (snapshot) => snapshot.get(board.refs.votes!),
  })
  expect([calm.reordering.safe, calm.duplication.safe]).toEqual([true, false])
})
