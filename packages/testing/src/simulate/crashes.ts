import { counterexampleOf, printed } from './counterexample.ts'
import type { CrashPoint } from './crash-points.ts'
import type { Trace } from './decider.ts'
import { drawingOfHappenings } from './draw-happenings.ts'
import { endEverywhere, type Ended } from './end-everywhere.ts'
import { SimulationError } from './errors.ts'
import type { SchedulePlan } from './execute.ts'
import { printLine } from './print.ts'
import type { Report } from './report.ts'
import { shrinkTrace } from './shrink-trace.ts'

/** Which run comes to an end, and where. */
export interface CrashesOptions {
  /** The run: its seed, or the trace of a report. Default 1. */
  readonly of?: number | Trace
  /** The one moment at which it ends, of all that there are: to see again what failed. Default: each. */
  readonly at?: number
  /** Gets the line with what was explored. Default: the console. */
  readonly print?: (line: string) => void
}

/** How a run came to an end wherever it can. That nothing was lost is said by there being a result: what is found is thrown. */
export interface Crashes {
  /** The run itself, which went on to its own end. */
  readonly report: Report
  /** Changes that were committed in it. */
  readonly commits: number
  /** Calls that were made to storages. */
  readonly calls: number
  /** Moments at which everything ended: before each call took effect, and after that, before its caller heard of it. */
  readonly points: number
  /** Those of them that can be told apart by what is stored, each of which was gone on from. */
  readonly ends: number
  /** The same where one browser had also lost what was not on the disk itself. */
  readonly losses: number
}

/** Each run that is tried to make one smaller ends everywhere. So there are fewer of them, and a long one has so many ends that these are counted, too: each is about a schedule. */
const SHRINKING_SHARE = 10
const ENDS_EACH = 10

/** Lets a run end wherever it can. What is broken then is thrown, in the smallest run that was found. */
export async function crash(plan: SchedulePlan, options: CrashesOptions, shrinking: number): Promise<Crashes> {
  const { of = 1, at, print = printLine } = options
  const ended = await endEverywhere(plan, of, { only: at })
  if (ended.broken !== undefined) throw await failureOf(plan, of, ended, at === undefined ? shrinking : 0)
  const { report, commits, calls, points, ends, losses } = ended
  const { changes = 0 } = report.counts
  if (ends === 0 || changes === 0) {
    throw new SimulationError(
      'nothing-happened',
      `${changes} actions have written something, and it ended at ${ends} moments of ${points}. Give the app actions that write, a schedule steps for them, and \`at\` a moment that there is.`,
    )
  }
  print(
    `crashes of ${commits} commits: ${points} moments around ${calls} calls of storages, ${ends} different ends, ${losses} with a loss`,
  )
  return { report, commits, calls, points, ends, losses }
}

async function failureOf(
  plan: SchedulePlan,
  of: number | Trace,
  found: Ended,
  shrinking: number,
): Promise<SimulationError> {
  let least = found
  const { check } = found.broken!.failure
  const mostRuns = Math.ceil(shrinking / SHRINKING_SHARE)
  const mostEnds = shrinking * ENDS_EACH
  let [runs, ends] = [0, 0]
  const { trace, isLeast } = await shrinkTrace(
    found.report.trace,
    async (smaller) => {
      // What is not tried does not count as smaller.
      if (ends >= mostEnds) return false
      const ended = await endEverywhere(plan, smaller, { most: mostEnds - ends })
      runs += 1
      ends += ended.ends + ended.losses
      if (ended.broken?.failure.check !== check) return false
      least = ended
      return true
    },
    mostRuns,
  )
  const { failure, point, kernel } = least.broken!
  const where = point === undefined ? {} : { at: point.at }
  const what = `${point === undefined ? '' : wordsOf(point)}${failure.message}`
  const counterexample = counterexampleOf(check, what, drawingOfHappenings(kernel.chronicle.happenings))
  const again = JSON.stringify({ of: least === found ? of : trace, ...where })
  return new SimulationError(
    'failed',
    `Seed ${trace.seed}: ${printed(counterexample)}
This is the smallest run that ${runs} have found, with ${ends} ends${isLeast && ends < mostEnds ? '' : ', and no more were tried'}; and what came after its end. To see it again: crashes(${again})`,
    { cause: failure.cause, counterexample },
  )
}

function wordsOf({ at, party, what, moment, lost }: CrashPoint): string {
  const loss = lost === undefined ? '' : `, and ${lost} lost what was not on the disk itself`
  return `Everything ended ${moment} ${party} ${what}, moment ${at} of the run${loss}. Then: `
}
