import { counter, lww, set } from '@syncline/merge'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { doings, schedules } from '../../src/fast-check/index.ts'
import { playSchedule, type SimulatedApp, type SimulationError } from '../../src/simulate/index.ts'
import { matchers } from '../../src/vitest/index.ts'
import { arrivals, newest } from './not-commutative.ts'

expect.extend(matchers)

const votes = counter('votes')
const tags = set<string>('tags')
const title = lww('title', '')
const good = {
  refs: { votes, tags, title },
  actions: {
    vote: (tx) => tx.add(votes, 1),
    tag: (tx, chance) => tx.include(tags, chance.pick(['a', 'b'])),
    rename: (tx, chance) => tx.set(title, chance.unique()),
  },
} satisfies SimulatedApp
const bad = {
  refs: { newest },
  actions: { x: (tx) => tx.set(newest, 'x'), y: (tx) => tx.set(newest, 'y') },
} satisfies SimulatedApp
const print = (): void => {}

/** What an expectation says that is not met. */
async function said(expectation: () => unknown): Promise<string> {
  const error: unknown = await Promise.resolve()
    .then(expectation)
    .then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
  if (!(error instanceof Error)) throw new Error('It was met.')
  return error.message
}

test('apps converge in every order, or say how they do not', async () => {
  await expect(good).toConvergeInEveryOrder({
    does: [
      ['vote', 'rename'],
      ['tag', 'rename'],
    ],
    print,
  })
  await expect(bad).not.toConvergeInEveryOrder({ does: [['x'], ['y']], print })
  const does = [['x'], ['y']]
  expect(await said(() => expect(bad).toConvergeInEveryOrder({ does, print }))).toContain(
    `${arrivals.tag} newest reads`,
  )
  expect(await said(() => expect(good).not.toConvergeInEveryOrder({ does: [['vote'], ['tag']], print }))).toContain(
    'Everything was tried',
  )
  // What was not tried in full is not known.
  expect(
    await said(() => expect(good).toConvergeInEveryOrder({ does: [['vote'], ['tag']], limit: 3, print })),
  ).toContain('the limit was reached')
  // That a mistake was not met on the way does not show that there is one.
  expect(
    await said(() => expect(good).not.toConvergeInEveryOrder({ does: [['vote'], ['tag']], limit: 3, print })),
  ).toContain('the limit was reached')
  expect(
    await said(() =>
      expect(good).not.toBeCalm({ does: ['vote', 'tag', 'vote'], observe: (now) => now.get(votes), limit: 1 }),
    ),
  ).toContain('not answered')
  const shortCohort = { cohort: async () => ({ runs: 2, next: 3, failures: [] }) } as never
  expect(await said(() => expect(shortCohort).not.toConverge({ runs: 5 }))).toContain('Only 2 of 5')
  await expect(said(() => expect(good).toConvergeInEveryOrder({ does: [['sit'], ['tag']], print }))).resolves.toContain(
    'There is no action "sit"',
  )
})

test('apps are calm, or say why they are not', async () => {
  expect(good).toBeCalm({ does: ['tag', 'tag'], observe: (snapshot) => snapshot.get(tags) })
  expect(good).not.toBeCalm({ does: ['vote'], observe: (snapshot) => snapshot.get(votes) })
  const message = await said(() =>
    expect(good).toBeCalm({ does: ['vote'], observe: (snapshot) => snapshot.get(votes) }),
  )
  expect(message).toContain('duplication: It matters that "vote" is done twice')
  expect(message).toContain('A again')
})

test('simulations converge in so many schedules, or say which did not', async () => {
  const simulation = {
    cohort: async ({ runs }: { readonly runs: number }) => ({
      first: 1,
      next: 1 + runs,
      runs,
      counts: {},
      failures: [],
    }),
  }
  await expect(simulation).toConverge({ runs: 5 })
  const failing = {
    cohort: async () => ({ first: 1, next: 3, runs: 2, counts: {}, failures: [{ seed: 2, failure: 'Seed 2 fell.' }] }),
  }
  expect(await said(() => expect(failing).toConverge({ runs: 5 }))).toContain(
    '1 of 2 schedules broke a promise.\n\nSeed 2 fell.',
  )
  const short = { cohort: async () => ({ first: 1, next: 3, runs: 2, counts: {}, failures: [] }) }
  expect(await said(() => expect(short).toConverge({ runs: 5 }))).toContain(
    'Only 2 of 5 schedules were run; seed 3 comes next.',
  )
})

test('schedules drawn by chance play, whatever they say, and find what is wrong', () => {
  let heard = 0
  fc.assert(fc.property(schedules(good), (schedule) => void (heard += playSchedule(good, schedule))))
  expect(heard).toBeGreaterThan(1_000)
  let found: unknown
  try {
    fc.assert(
      fc.property(schedules(bad), (schedule) => void playSchedule(bad, schedule)),
      { includeErrorInReport: false },
    )
  } catch (error) {
    found = (error as Error).cause
  }
  // Two write and hear of each other: less is not enough.
  expect((found as SimulationError).counterexample!.steps).toHaveLength(4)
  expect(() => playSchedule(good, { replicas: 1, steps: [] })).toThrow('There are 1 replicas')
  expect(() => playSchedule(good, { replicas: 2, steps: [{ replica: 2, hears: 1 }] })).toThrow(
    'There is no replica 2 among 2',
  )
})

test('what replicas do by chance is what can be explored', async () => {
  await fc.assert(
    fc.asyncProperty(doings(good, { replicas: 2, most: 2 }), async (does) => {
      await expect(good).toConvergeInEveryOrder({ does, print })
    }),
    { numRuns: 20 },
  )
})
