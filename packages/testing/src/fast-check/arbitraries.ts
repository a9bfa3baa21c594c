import fc, { type Arbitrary } from 'fast-check'
import { everyFault, type Faults, type Schedule, type ScheduleStep, type SimulatedApp } from '../simulate/index.ts'

/** How large schedules are. */
export interface ScheduleBounds {
  /** How many replicas there are. Default 3. */
  readonly replicas?: number
  /** How many steps there are at most. Default 20. */
  readonly most?: number
}

/**
 * Schedules of an app: who does what, and hears of whom, in which order. They shrink to fewer steps, to earlier actions and to earlier replicas.
 * What is heard in the end is up to `playSchedule`.
 *
 * @example
 * import fc from 'fast-check'
 * import { counter } from '@syncline/merge'
 * import { playSchedule } from '@syncline/testing/simulate'
 * import { schedules } from '@syncline/testing/fast-check'
 *
 * const votes = counter('votes')
 * const app = { refs: { votes }, actions: { up: (tx) => tx.add(votes, 1), down: (tx) => tx.add(votes, -1) } }
 * fc.assert(fc.property(schedules(app), (schedule) => void playSchedule(app, schedule)), { numRuns: 50 })
 */
export function schedules(app: SimulatedApp, { replicas = 3, most = 20 }: ScheduleBounds = {}): Arbitrary<Schedule> {
  const replica = fc.nat(replicas - 1)
  const doing = fc.record({ replica, does: actions(app) })
  const hearing = fc.record({ replica, hears: replica })
  const step: Arbitrary<ScheduleStep> = fc.oneof(doing, hearing)
  return fc.record({ replicas: fc.constant(replicas), steps: fc.array(step, { maxLength: most, size: 'max' }) })
}

/**
 * What each of some replicas does, in order: for `exhaust` and `calm`, which try every order of it. Each does at most `most` things, 2 by default.
 *
 * @example
 * import fc from 'fast-check'
 * import { set } from '@syncline/merge'
 * import { calm } from '@syncline/testing/simulate'
 * import { doings } from '@syncline/testing/fast-check'
 *
 * const tags = set('tags')
 * const app = { refs: { tags }, actions: { a: (tx) => tx.include(tags, 'a'), b: (tx) => tx.include(tags, 'b') } }
 * fc.assert(
 *   fc.property(doings(app, { replicas: 2, most: 1 }), (does) => {
 *     expect(calm({ app, does, observe: (snapshot) => snapshot.get(tags) }).isCalm).toBe(true)
 *   }),
 *   { numRuns: 5 },
 * )
 */
export function doings(app: SimulatedApp, { replicas = 2, most = 2 }: ScheduleBounds = {}): Arbitrary<string[][]> {
  const each = fc.array(actions(app), { minLength: 1, maxLength: most })
  return fc.array(each, { minLength: replicas, maxLength: replicas })
}

/**
 * Seeds of simulations, all of them equally likely; smaller ones when it shrinks, which says nothing: a simulation makes its own schedules smaller.
 *
 * @example
 * import fc from 'fast-check'
 * import { seeds } from '@syncline/testing/fast-check'
 *
 * fc.assert(fc.property(seeds, (seed) => Number.isSafeInteger(seed)))
 */
export const seeds: Arbitrary<number> = fc.noShrink(fc.nat(2 ** 31 - 1))

/**
 * What goes wrong in simulations: some of all faults, at the rates of `everyFault`. Fewer when it shrinks.
 *
 * @example
 * import fc from 'fast-check'
 * import { counter } from '@syncline/merge'
 * import { faults, seeds } from '@syncline/testing/fast-check'
 * import { simulate } from '@syncline/testing/simulate'
 *
 * const votes = counter('votes')
 * const app = { refs: { votes }, actions: { vote: (tx) => tx.add(votes, 1) } }
 * await fc.assert(
 *   fc.asyncProperty(faults(), seeds, async (wrong, seed) => {
 *     await simulate({ app, replicas: 2, steps: 20, faults: wrong }).run(seed)
 *   }),
 *   { numRuns: 3 },
 * )
 */
export function faults(): Arbitrary<Partial<Faults>> {
  // Its keys are the names of all faults.
  const names = Object.keys(everyFault) as (keyof Faults)[]
  return fc.subarray(names).map((some) => Object.fromEntries(some.map((name) => [name, everyFault[name]])))
}

function actions({ actions: all }: SimulatedApp): Arbitrary<string> {
  return fc.constantFrom(...Object.keys(all))
}
