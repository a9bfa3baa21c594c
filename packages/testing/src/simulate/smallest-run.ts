import { counterexampleOf, type Counterexample } from './counterexample.ts'
import type { Trace } from './decider.ts'
import { drawingOfHappenings } from './draw-happenings.ts'
import { execute, type Execution, type SchedulePlan } from './execute.ts'
import { shrinkTrace } from './shrink-trace.ts'

/** What a schedule that fails was made smaller to. */
export interface SmallestRun {
  /** Replaying it fails in the same way. */
  readonly trace: Trace
  readonly counterexample: Counterexample
  /** Schedules that were run for it. */
  readonly runs: number
}

/** Makes a schedule that fails as small as it gets in so many runs: it fails the same check. */
export async function smallestRun(plan: SchedulePlan, failed: Execution, mostRuns: number): Promise<SmallestRun> {
  let least = failed
  const { check } = failed.failure!
  const { trace, runs } = await shrinkTrace(
    failed.report().trace,
    async (calmer) => {
      const execution = await execute(plan, calmer)
      if (execution.failure?.check !== check) return false
      least = execution
      return true
    },
    mostRuns,
  )
  const drawing = drawingOfHappenings(least.chronicle.happenings)
  return { trace, counterexample: counterexampleOf(check, least.failure!.message, drawing), runs }
}
