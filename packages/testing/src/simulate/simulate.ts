import type { RelayOptions } from '@syncline/relay'
import type { SimulatedApp } from './app.ts'
import type { Trace } from './decider.ts'
import { SimulationError } from './errors.ts'
import { execute, type Execution, type SchedulePlan } from './execute.ts'
import { everyFault, type Faults } from './faults.ts'
import type { Report } from './report.ts'

/** What is simulated. */
export interface SimulateOptions {
  readonly app: SimulatedApp
  /** Browsers, each on a machine of its own. Default 3. */
  readonly replicas?: number
  /** Tabs of each browser. Default one each. */
  readonly tabs?: readonly number[]
  /** What the relay allows and refuses. */
  readonly relay?: Pick<RelayOptions, 'limits' | 'refuse'>
  /** What goes wrong, and how often. Default {@link everyFault}; `{}` for nothing. */
  readonly faults?: Partial<Faults>
  /** How many things happen in a schedule, actions and faults. Default 40. */
  readonly steps?: number
}

/** A system that can be run, as often as there are seeds. */
export interface Simulation {
  /** Runs one schedule. Rejects with `SimulationError` `failed` when a promise was broken. */
  run(seed: number): Promise<Report>
  /** Runs what was run before once more: a seed, or the trace of a report. The digest is the same, or the system is not deterministic. */
  replay(from: number | Trace): Promise<Report>
}

/** Says what is simulated. */
export function simulate(options: SimulateOptions): Simulation {
  const { app, replicas = options.tabs?.length ?? 3, relay = {}, faults = everyFault, steps = 40 } = options
  const tabs = Array.from({ length: replicas }, (_, i) => options.tabs?.[i] ?? 1)
  const plan: SchedulePlan = { app, tabs, relay, faults, steps }
  const run = async (from: number | Trace): Promise<Report> => judge(await execute(plan, from))
  return { run, replay: run }
}

function judge({ report, failure }: Execution): Report {
  if (failure === undefined) return report
  throw new SimulationError('failed', `Seed ${report.seed}: ${failure.check}: ${failure.message}`, {
    cause: failure.cause,
  })
}
