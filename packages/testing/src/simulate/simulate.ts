import type { SimulatedApp } from './app.ts'
import { calm, type Calm, type CalmOptions } from './calm.ts'
import { runCohort, runHere, type CohortOptions, type CohortRun, type SimulatedCohort } from './cohort.ts'
import { runInWorker } from './cohort-workers.ts'
import { crash, type Crashes, type CrashesOptions } from './crashes.ts'
import { printed } from './counterexample.ts'
import type { Trace } from './decider.ts'
import { SimulationError } from './errors.ts'
import { execute, type SchedulePlan } from './execute.ts'
import { exhaust, type ExhaustOptions, type Exhausted } from './exhaust.ts'
import { everyFault, type Faults } from './faults.ts'
import type { Report } from './report.ts'
import { smallestRun } from './smallest-run.ts'
import type { SimulatedRelay } from './world.ts'

/** What is simulated. */
export interface SimulateOptions {
  readonly app: SimulatedApp
  /** Browsers, each on a machine of its own. Default 3. */
  readonly replicas?: number
  /** Tabs of each browser. Default one each. */
  readonly tabs?: readonly number[]
  /** What the relay allows and refuses. */
  readonly relay?: SimulatedRelay
  /** What goes wrong, and how often. Default {@link everyFault}; `{}` for nothing. */
  readonly faults?: Partial<Faults>
  /** Whether browsers have Web Locks. Without them, as on insecure origins, tabs hold leases. Default true. */
  readonly webLocks?: boolean
  /** How many things happen in a schedule, actions and faults. Default 40. */
  readonly steps?: number
  /**
   * How many schedules may be run to make one that fails smaller. Default 300. Of runs that end everywhere (`crashes`) a tenth as many, with ten times as many ends
   * together.
   */
  readonly shrinking?: number
}

/** A system that can be run, as often as there are seeds. */
export interface Simulation {
  /**
   * Runs one schedule. Rejects with `SimulationError` `failed` when a promise was broken: made smaller, and drawn; with `nothing-happened` when no
   * action has written anything, as it may be in a schedule of few steps, unless there were to be none.
   */
  run(seed: number): Promise<Report>
  /**
   * Runs what was run before once more: a seed, or the trace of a report. The digest is the same, or the system is not deterministic. It shows also
   * a schedule in which nothing was written.
   */
  replay(from: number | Trace): Promise<Report>
  /**
   * Runs consecutive seeds, and puts together what happened in them; what fails is in the result. With a `module` they run in worker threads of Node,
   * with the same result. Rejects with `SimulationError` `nothing-happened` when no action has written anything.
   */
  cohort(options: CohortOptions): Promise<SimulatedCohort>
  /**
   * Runs one schedule, and lets everything end at each moment before and after a call of a storage: all programs at once, with the disks as they are
   * just then. What is left is started anew and comes to rest; everybody does something more, and it is checked as a run is. So it is where one browser
   * has also lost what was not on the disk itself. Rejects with `SimulationError` `failed` when a promise was broken, with the moment and a
   * smaller run; with `nothing-happened` when no action has written anything.
   *
   * Moments at which the same is stored have one end, the last of them, of which the most was promised. Cost: for each end, opening all browsers
   * and one that comes afresh.
   */
  crashes(options?: CrashesOptions): Promise<Crashes>
  /** Tries every order in which what is done can come: {@link exhaust}, of this app. */
  exhaust(options: Omit<ExhaustOptions, 'app'>): Promise<Exhausted>
  /** Whether what is done needs anybody to decide about its order: {@link calm}, of this app. */
  calm(options: Omit<CalmOptions, 'app'>): Calm
}

/** So many schedules are run to make one that fails smaller. */
const MOST_SHRINKING = 300

/**
 * A system of real stores, logs and a relay, to be run in one process and in virtual time: what people do, how long everything takes and what goes wrong
 * follows from a seed. Nothing runs until it is asked for. Throws `SimulationError` `invalid-simulation` where there is no replica or no tab, and for
 * a fault that there is not. Cost: some milliseconds for each schedule.
 *
 * @example
 * import { lww } from '@syncline/merge'
 * import { simulate } from '@syncline/testing/simulate'
 *
 * const title = lww('title', '')
 * const app = { refs: { title }, actions: { rename: (tx, chance) => tx.set(title, chance.unique()) } }
 * const simulation = simulate({ app, tabs: [2, 1] })
 * const { counts, digest } = await simulation.run(1)
 * expect(counts.actions).toBeGreaterThan(0)
 * expect((await simulation.replay(1)).digest).toBe(digest)
 */
export function simulate(options: SimulateOptions): Simulation {
  const { app, replicas = options.tabs?.length ?? 3, relay = {}, faults = everyFault, steps = 40 } = options
  const { shrinking = MOST_SHRINKING } = options
  const tabs = Array.from({ length: replicas }, (_, i) => options.tabs?.[i] ?? 1)
  if (replicas < 1 || (options.tabs?.length ?? 0) > replicas || tabs.some((count) => count < 1)) {
    throw new SimulationError(
      'invalid-simulation',
      `There are ${replicas} replicas, with ${JSON.stringify(options.tabs ?? tabs)} tabs. Give at least one replica, and at least one tab to each that there is.`,
    )
  }
  checkFaults(faults)
  const plan: SchedulePlan = { app, tabs, relay, faults, steps, hasLocks: options.webLocks ?? true }

  async function replay(from: number | Trace): Promise<Report> {
    const execution = await execute(plan, from)
    if (execution.failure === undefined) return execution.report()
    const { trace, counterexample, runs } = await smallestRun(plan, execution, shrinking)
    throw new SimulationError(
      'failed',
      `Seed ${execution.report().seed}: ${printed(counterexample)}
This is the smallest schedule that ${runs} runs have found. To see it again: replay(${JSON.stringify(trace)})`,
      { cause: execution.failure.cause, counterexample },
    )
  }

  /** One of many: what fails is no error. */
  async function runOne(seed: number): Promise<CohortRun> {
    const { counts, failure } = await execute(plan, seed, false)
    if (failure === undefined) return { counts }
    try {
      await replay(seed)
    } catch (error) {
      if (!(error instanceof SimulationError) || error.code !== 'failed') throw error
      return { counts: {}, failure: error.message }
    }
    throw new SimulationError(
      'failed',
      `Seed ${seed} fails (${failure.check}: ${failure.message}), and the same seed did not when it was run once more: something in the app, or in the system, does not follow from the seed.`,
    )
  }

  return {
    async run(seed) {
      const report = await replay(seed)
      // Of a cohort it is asked of all together.
      if (steps > 0 && !hasChanged(report.counts)) throw nothingHappened(`In the schedule of seed ${seed}`)
      return report
    },
    replay,
    async cohort(wanted) {
      const { module, workers = 2 } = wanted
      const runners =
        module === undefined
          ? [runHere(runOne)]
          : await Promise.all(Array.from({ length: workers }, () => runInWorker(module)))
      const cohort = await runCohort(runners, wanted)
      if (cohort.runs > 0 && cohort.failures.length === 0 && !hasChanged(cohort.counts))
        throw nothingHappened(`In ${cohort.runs} runs`)
      // What was set up and came to nothing is not counted.
      const asked = Object.entries(faults).filter(([, rate]) => rate > 0)
      const missing = asked.flatMap(([name]) => ((cohort.counts[name] ?? 0) > 0 ? [] : [name]))
      return { ...cohort, missing }
    },
    crashes: (wanted = {}) => crash(plan, wanted, shrinking),
    exhaust: (wanted) => exhaust({ ...wanted, app }),
    calm: (wanted) => calm({ ...wanted, app }),
  }
}

/** A fault that nobody knows would never happen, and nobody would hear of it. */
function checkFaults(faults: Partial<Faults>): void {
  for (const [name, rate] of Object.entries(faults)) {
    if (!Object.hasOwn(everyFault, name)) {
      throw new SimulationError(
        'invalid-simulation',
        `There is no fault "${name}". There are ${Object.keys(everyFault).join(', ')}.`,
      )
    }
    if (!(rate >= 0 && rate <= 1)) {
      throw new SimulationError('invalid-simulation', `The fault "${name}" happens at a rate from 0 to 1, not ${rate}.`)
    }
  }
}

function hasChanged({ changes = 0 }: Report['counts']): boolean {
  return changes > 0
}

function nothingHappened(where: string): SimulationError {
  return new SimulationError(
    'nothing-happened',
    `${where} no action has written anything. Give the app actions that write, and a schedule steps for them.`,
  )
}
