import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { collection, counter, lww, set } from '@syncline/merge'
import { expect, test } from 'vitest'
import { counted } from '../counted.ts'
import { everyFault, simulate, SimulationError, type SimulatedApp } from '../../src/simulate/index.ts'
import { search } from './seeds.ts'

const isLong = process.env['SYNCLINE_LONG'] === '1'

const title = lww('title', '')
const votes = counter('votes')
const tags = set<number>('tags')
const cards = collection('cards', { title: '' })
const forbidden = lww('forbidden', 0)
const seats = counter('seats', { arbiter: 'relay' })
const desk = lww<string | null>('desk', null, { arbiter: 'browser' })
const claims = counter('claims', { arbiter: 'browser' })

/** One of each thing that is stored in another way: what merges, what a browser or the relay decides about, what the relay refuses. */
const app = {
  refs: { title, votes, tags, cards, forbidden, seats, desk, claims },
  actions: {
    rename: (tx, chance) => tx.set(title, chance.unique()),
    vote: (tx) => tx.add(votes, 1),
    tag(tx, chance) {
      tx.include(tags, chance.below(9))
      tx.add(votes, 1)
    },
    card(tx, chance) {
      const card = cards.at(`c${chance.below(5)}`)
      if (tx.get(card) === undefined) tx.create(card, { title: chance.unique() })
      else tx.patch(card, { title: chance.unique() })
    },
    forbid: {
      arbiter: 'local',
      weight: 0.12,
      body: (tx, chance) => tx.set(forbidden, 1 + chance.below(1000)),
    },
    sit: { arbiter: 'relay', weight: 0.6, body: (tx) => tx.add(seats, 1) },
    claim: {
      arbiter: 'browser',
      weight: 0.6,
      body(tx, chance) {
        tx.set(desk, chance.unique())
        tx.add(claims, 1)
      },
    },
  },
} satisfies SimulatedApp

const relay = {
  refuse: ({ touched }) =>
    touched.some(({ address }) => address === 'forbidden') ? { code: 'forbidden', message: 'Nobody may.' } : undefined,
} satisfies Parameters<typeof simulate>[0]['relay']

test('whatever call of a storage a run of 200 commits ends at, nothing is lost that was promised', async () => {
  // Logs are compacted meanwhile, and that is calls of a storage too.
  const simulation = simulate({ app, tabs: [2, 1], relay, faults: { compaction: 1 }, steps: 201, ...search })
  const { report, commits, calls, points, ends, losses } = await simulation.crashes()
  expect(commits).toBe(200)
  // Each call takes effect, or it fails: nothing ends by itself in this run.
  expect(points).toBe(2 * calls)
  expect(ends).toBeGreaterThan(3 * commits)
  expect(losses).toBeGreaterThan(100)
  counted('ends of runs', ends + losses)
  expect(report.counts['browser commits']).toBeGreaterThan(20)
  expect(report.counts['relay commits']).toBeGreaterThan(10)
  // The relay has asked the app, which has said no.
  expect(report.counts['refused by the app'] ?? 0).toBeGreaterThan(0)
  expect(report.counts['compaction']).toBeGreaterThan(10)
}, 600_000)

test('and so it is where disks are slow, and calls come in between that mostly come after', async () => {
  const faults = { compaction: 1, storageDelay: 0.2 }
  const simulation = simulate({ app, tabs: [2, 1], relay, faults, steps: 81, ...search })
  const { report, calls, points, ends, losses } = await simulation.crashes({ of: 2 })
  expect(points).toBe(2 * calls)
  counted('ends of runs', ends + losses)
  expect(ends).toBeGreaterThan(150)
  expect(report.counts['storageDelay']).toBeGreaterThan(20)
  expect(report.counts['compaction']).toBeGreaterThan(2)
}, 600_000)

test('and so it is in runs in which everything goes wrong that can', async () => {
  // A backup is another end, which has its own tests.
  const faults = { ...everyFault, refusal: 0, relayRestore: 0, damage: 0 }
  const simulation = simulate({ app, tabs: [2, 1], relay, faults, steps: isLong ? 60 : 15, ...search })
  for (let seed = 1; seed <= (isLong ? 50 : 1); seed++) {
    const { points, ends, losses } = await simulation.crashes({ of: seed, print: () => {} })
    counted('ends of runs', ends + losses)
    expect(points).toBeGreaterThan(isLong ? 100 : 40)
  }
}, 3_600_000)

/** Each time somebody votes once more after an end: that is one vote too many after the last of them. */
const few = {
  refs: { votes },
  actions: { vote: (tx) => tx.add(votes, 1) },
  invariants: { 'few votes': (snapshot) => snapshot.get(votes) <= 3 },
} satisfies SimulatedApp

test('what fails after an end tells where that was, in a smaller run, and fails there again', async () => {
  const simulation = simulate({ app: few, tabs: [1, 1], faults: {}, steps: 3 })
  const failureOf = async (options?: Parameters<typeof simulation.crashes>[0]): Promise<SimulationError> => {
    const error: unknown = await simulation.crashes(options).catch((thrown: unknown) => thrown)
    if (error instanceof SimulationError) return error
    throw new Error(`It did not fail as a simulation does: ${String(error)}`)
  }
  await simulation.run(1)
  const error = await failureOf()
  const { check, what, diagram } = error.counterexample!
  expect(check).toBe('invariant')
  expect(what).toMatch(
    /^Everything ended (before|after) .* (reads|writes|opens|looks|appends).*, moment \d+ of the run.*few votes/,
  )
  expect(diagram).toContain(': vote')
  const [, again] = /To see it again: crashes\((.*)\)$/.exec(error.message)!
  expect((await failureOf(JSON.parse(again!) as { of: number; at: number })).counterexample).toEqual(
    error.counterexample,
  )
})

/** It fails after the votes of a long run only, and of no short one. */
const many = { ...few, invariants: { 'not so many': (snapshot) => snapshot.get(votes) <= 30 } } satisfies SimulatedApp

test('to make it smaller takes no more runs and ends than it may, and says how many', async () => {
  const simulation = simulate({ app: many, tabs: [1], faults: {}, steps: 40, shrinking: 10 })
  const error: unknown = await simulation.crashes().catch((thrown: unknown) => thrown)
  const [, runs, ends, more] = /that (\d+) have found, with (\d+) ends(, and no more were tried)?;/.exec(String(error))!
  // A tenth of the runs, and ten times as many ends together.
  expect(Number(runs)).toBeLessThanOrEqual(1)
  expect(Number(ends)).toBeLessThanOrEqual(100)
  expect(Number(ends)).toBeGreaterThan(50)
  expect(more).toBeDefined()
})

test('of what is over nothing is kept', async () => {
  const shown: WeakRef<object>[] = []
  const watched = {
    ...few,
    invariants: {
      'is seen': (snapshot) => {
        shown.push(new WeakRef(snapshot))
        return true
      },
    },
  } satisfies SimulatedApp
  await simulate({ app: watched, tabs: [2, 1], faults: {}, steps: 5 }).crashes({ print: () => {} })
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  // What a weak reference has shown lives to the end of a turn.
  await new Promise((resolve) => setImmediate(resolve))
  gc()
  expect(shown.length).toBeGreaterThan(100)
  // The last ones may lie about in what has run them.
  expect(shown.filter((ref) => ref.deref() !== undefined).length).toBeLessThan(shown.length / 10)
})

test('a run in which nobody commits anything, and a moment that there is not, say nothing', async () => {
  const nothing = { code: 'nothing-happened' }
  await expect(simulate({ app, tabs: [1], steps: 0 }).crashes()).rejects.toMatchObject(nothing)
  const simulation = simulate({ app: few, tabs: [1], faults: {}, steps: 2 })
  await expect(simulation.crashes({ at: 100_000 })).rejects.toMatchObject(nothing)
})
