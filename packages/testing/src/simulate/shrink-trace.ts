import type { Trace } from './decider.ts'
import { shrinkListSlowly } from './shrink.ts'

/** What shrinking a schedule came to. */
export interface ShrunkTrace {
  readonly trace: Trace
  /** Schedules that were run for it. */
  readonly runs: number
  /** Whether nothing can be made calmer any more; false when the runs were used up first. */
  readonly isLeast: boolean
}

/** Streams that are steps: the first decision of each says what it is, 0 that it is nothing. */
const STEP = /^step \d+$/

/**
 * Makes a schedule smaller that fails: first it leaves out steps, then lets whole streams of decisions be calm, then single decisions, and at last takes
 * smaller ones; and that again, until nothing can go any more. `fails` says whether a schedule fails in the same way. What is left does, is nowhere less calm than before, and is the same each
 * time.
 */
export async function shrinkTrace(
  trace: Trace,
  fails: (trace: Trace) => Promise<boolean>,
  mostRuns: number,
): Promise<ShrunkTrace> {
  let decisions = new Map(Object.entries(trace.decisions).map(([name, made]) => [name, [...made]]))
  let runs = 0
  let isLeast = true
  let { rest } = trace

  const traceOf = (streams: ReadonlyMap<string, readonly number[]>): Trace => ({
    seed: trace.seed,
    decisions: Object.fromEntries(streams),
    ...(rest !== undefined && { rest }),
  })

  /** Leaves out what can go of some items; `without` makes the decisions in which only some of them are left. */
  async function leaveOut<T>(
    items: readonly T[],
    without: (kept: readonly T[]) => Map<string, number[]>,
  ): Promise<void> {
    if (items.length === 0) return
    const left = Math.max(0, mostRuns - runs)
    const shrunk = await shrinkListSlowly(items, (kept) => fails(traceOf(without(kept))), left)
    runs += shrunk.runs
    isLeast &&= shrunk.isLeast
    if (shrunk.items.length < items.length) decisions = without(shrunk.items)
  }

  const calmed = (kept: ReadonlySet<string>, isSubject: (name: string) => boolean): Map<string, number[]> =>
    new Map(
      [...decisions].map(([name, made]) => {
        if (!isSubject(name) || kept.has(name)) return [name, made]
        return [name, STEP.test(name) ? [0] : []]
      }),
    )

  const isStep = (name: string): boolean => STEP.test(name)
  // What it had no time for because it failed before had better not happen at all.
  if (rest === undefined && mostRuns > 0) {
    runs += 1
    if (await fails({ ...trace, rest: 'calm' })) rest = 'calm'
  }
  const doing = (name: string): boolean => (decisions.get(name) ?? []).some((decision) => decision !== 0)
  // What was needed before something else had gone may not be needed any more.
  let before: typeof decisions
  do {
    before = decisions
    isLeast = true
    await leaveOutAll()
  } while (decisions !== before)
  return { trace: shortest(), runs, isLeast }

  async function leaveOutAll(): Promise<void> {
    const steps = [...decisions.keys()].filter((name) => isStep(name) && doing(name))
    await leaveOut(steps, (kept) => calmed(new Set(kept), isStep))
    const streams = [...decisions.keys()].filter((name) => !isStep(name) && doing(name))
    await leaveOut(streams, (kept) => calmed(new Set(kept), (name) => !isStep(name)))
    for (const [name, made] of decisions) {
      const places = made.flatMap((decision, at) => (decision === 0 || (at === 0 && isStep(name)) ? [] : [at]))
      await leaveOut(places, (kept) => {
        const some = new Set(kept)
        return new Map(decisions).set(
          name,
          made.map((decision, at) => (places.includes(at) && !some.has(at) ? 0 : decision)),
        )
      })
    }
    for (const name of decisions.keys()) await lower(name)
  }

  /** Without what says nothing: calm decisions at the end of a stream, and calm streams where all that is not said is calm. */
  function shortest(): Trace {
    const short = [...decisions].map(([name, made]) => [name, withoutCalmEnd(made)] as const)
    return traceOf(new Map(rest === undefined ? short : short.filter(([, made]) => made.length > 0)))
  }

  /** Takes smaller decisions, by halves: 1 is calmer than 7. */
  async function lower(name: string): Promise<void> {
    for (let at = isStep(name) ? 1 : 0; at < decisions.get(name)!.length; at++) {
      for (;;) {
        const made = decisions.get(name)!
        const less = made[at]! >> 1
        if (less === 0) break
        if (runs >= mostRuns) {
          isLeast = false
          return
        }
        runs += 1
        const calmer = new Map(decisions).set(name, made.with(at, less))
        if (!(await fails(traceOf(calmer)))) break
        decisions = calmer
      }
    }
  }
}

/** A stream that is used up is calm, so calm decisions at its end say nothing. */
function withoutCalmEnd(made: readonly number[]): readonly number[] {
  return made.slice(0, made.findLastIndex((decision) => decision !== 0) + 1)
}
