import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { counted } from '../counted.ts'
import { simulate, type SimulatedCohort, type SimulateOptions } from '../../src/simulate/index.ts'

const isLong = process.env['SYNCLINE_LONG'] === '1'

/** What code that was spoilt on purpose does wrong is not made smaller: that takes far longer than to find it. */
export const search: Pick<SimulateOptions, 'shrinking'> =
  process.env['SYNCLINE_SABOTAGE'] === undefined ? {} : { shrinking: 0 }

/** One seed that fails is enough: the others mostly fail for the same reason, and to make each of them smaller takes a minute. */
const enough = { failures: 1 }

/** So many at a time: what is lost when somebody ends the long run. */
const CHUNK = 1000

/**
 * How long one test of the long run goes on, unless it has run all that it was asked for. There are twelve, of which two go on at a time on a small machine, and `scripts/test.mjs` gives
 * all simulations together three hours.
 */
const LONG_MS = 25 * 60_000

/** How long a test with seeds may take. */
export const SEEDS_TIMEOUT_MS = isLong ? 2 * LONG_MS : 600_000

/** So many of these, as the title of a test says it: in the long run as many as there is time for. */
export function many(each: number, what: string): string {
  return isLong ? `what ${LONG_MS / 60_000} minutes have room for: ${what}` : `${each} ${what}`
}

/** How many seeds a test runs at most. */
export function seeds(each: number, long = 1_000_000): number {
  return isLong ? long : each
}

/**
 * Runs so many seeds, and none of them may fail. In `npm test` they are the same each time. In the long run nobody has tried them on this machine:
 * it goes on where it has ended, or was ended, and stops when its time is up.
 */
export async function runSeeds(options: SimulateOptions, name: string, runs: number): Promise<SimulatedCohort> {
  const simulation = simulate({ ...options, ...search })
  if (!isLong) {
    const cohort = await simulation.cohort({ runs, ...enough })
    noneFails(cohort)
    expect(cohort.runs).toBe(runs)
    counted('schedules with faults', cohort.runs)
    return cohort
  }
  const place = fileURLToPath(new URL(`../../../../node_modules/.cache/syncline/seeds/${name}.json`, import.meta.url))
  mkdirSync(dirname(place), { recursive: true })
  const endMs = performance.now() + LONG_MS
  const sums = new Map<string, number>()
  let done = 0
  let cohort: SimulatedCohort | undefined
  let first = nextSeed(place)
  const from = first
  while (done < runs && performance.now() < endMs) {
    cohort = await simulation.cohort({ runs: Math.min(CHUNK, runs - done), first, ...enough })
    noneFails(cohort)
    for (const [what, count] of Object.entries(cohort.counts)) sums.set(what, (sums.get(what) ?? 0) + count)
    done += cohort.runs
    counted('schedules with faults', cohort.runs)
    first = cohort.next
    writeFileSync(place, JSON.stringify({ next: first }))
  }
  expect(done).toBeGreaterThan(0)
  const missing = cohort!.missing.filter((what) => !sums.has(what))
  return { ...cohort!, first: from, runs: done, counts: Object.fromEntries(sums), missing }
}

/** Shows a schedule that fails as it was drawn. */
function noneFails({ failures: [first] }: SimulatedCohort): void {
  if (first !== undefined) throw new Error(first.failure)
}

/** Where the last run ended; on a machine that has not run any, anywhere. */
function nextSeed(place: string): number {
  try {
    // Written by this test.
    return (JSON.parse(readFileSync(place, 'utf8')) as { readonly next: number }).next
  } catch {
    return 1_000_000 + Math.floor(Math.random() * 2 ** 40)
  }
}
