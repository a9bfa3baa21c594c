import { expect, test } from 'vitest'
import { runCohort, runHere, type CohortOptions, type CohortRun, type Runner } from '../../src/simulate/cohort.ts'
import { runInWorker } from '../../src/simulate/cohort-workers.ts'
import { createRandom } from '../../src/simulate/random.ts'

const module = new URL('simulation-of-seeds.mjs', import.meta.url)

/** What the module does. */
async function runOf(seed: number): Promise<CohortRun> {
  if (seed % 10 !== 0) return { counts: { actions: seed % 3, seeds: 1 } }
  return { counts: {}, failure: `Seed ${seed} failed.` }
}

/** Some are slow, some are fast. */
function unevenly(seed: number): Runner {
  const random = createRandom(seed, 'pace')
  return runHere(async (each) => {
    for (let turns = Math.floor(random() * 20); turns > 0; turns--)
      await new Promise((resolve) => setImmediate(resolve))
    return runOf(each)
  })
}

test.each<CohortOptions>([
  { runs: 9 },
  { runs: 45, first: 6 },
  { runs: 45, first: 6, failures: 2 },
  { runs: 1, first: 20 },
])('with %j it is the same whoever runs the seeds, here or in threads', async (options) => {
  const alone = await runCohort([runHere(runOf)], options)
  const { runs, first = 1, failures = 3 } = options
  const failing = Array.from({ length: runs }, (_, i) => first + i).filter((seed) => seed % 10 === 0)
  expect(alone.failures.map(({ seed }) => seed)).toEqual(failing.slice(0, failures))
  expect(alone.runs).toBe(alone.next - alone.first)
  for (const count of [2, 3, 7]) {
    const runners = Array.from({ length: count }, (_, i) => unevenly(i))
    expect(await runCohort(runners, options)).toEqual(alone)
  }
  expect(await runCohort([await runInWorker(module), await runInWorker(module)], options)).toEqual(alone)
})

test('it goes on where it stopped', async () => {
  const whole = await runCohort([runHere(runOf)], { runs: 30, failures: 99 })
  const half = await runCohort([unevenly(1), unevenly(2)], { runs: 17, failures: 99 })
  const rest = await runCohort([unevenly(3)], { first: half.next, runs: 30 - half.runs, failures: 99 })
  expect(rest.next).toBe(whole.next)
  expect(half.counts.seeds! + rest.counts.seeds!).toBe(whole.counts.seeds)
  expect([...half.failures, ...rest.failures]).toEqual(whole.failures)
  expect(await runCohort([runHere(runOf)], { runs: 30, forMs: 0 })).toMatchObject({ first: 1, next: 1, runs: 0 })
})

test('what cannot run says so', async () => {
  await expect(runCohort([runHere(runOf)], { runs: 0 })).rejects.toThrow('are no cohort')
  const nothing = await runInWorker(new URL('shrink-nothing.mjs', import.meta.url))
  await expect(runCohort([nothing], { runs: 2 })).rejects.toMatchObject({ code: 'invalid-simulation' })
  const other = await runInWorker('node:path')
  await expect(runCohort([other], { runs: 2 })).rejects.toThrow('exports no simulation')
  const thrown = runHere(() => Promise.reject(new Error('not ours')))
  await expect(runCohort([thrown], { runs: 2 })).rejects.toThrow('not ours')
})
