import { SimulationError } from './errors.ts'

/** What a run has to say to a cohort. */
export interface CohortRun {
  /** What happened, how often. */
  readonly counts: Readonly<Record<string, number>>
  /** What failed, drawn; undefined when nothing did. */
  readonly failure?: string
}

/** Runs one seed. Does not throw for what fails. */
export type RunSeed = (seed: number) => Promise<CohortRun>

/** How many runs, and where. */
export interface CohortOptions {
  readonly runs: number
  /** The first seed; they are consecutive. Default 1. */
  readonly first?: number
  /** So many failures are enough, and it stops. Default 3. */
  readonly failures?: number
  /** After so many milliseconds no new seed is begun; `next` says where to go on. */
  readonly forMs?: number
  /** The URL of a module that exports `simulation`, for runs in worker threads. Node must be able to load it. */
  readonly module?: string | { readonly href: string }
  /** Worker threads, where there is a module. Default 2. */
  readonly workers?: number
}

/** What many runs came to: the same whatever number of workers took part. */
export interface Cohort {
  readonly first: number
  /** The seed to go on with. */
  readonly next: number
  readonly runs: number
  /** What happened in all of them. */
  readonly counts: Readonly<Record<string, number>>
  readonly failures: readonly SeedFailure[]
}

/** What many runs of a simulation came to. */
export interface SimulatedCohort extends Cohort {
  /** Faults that were asked for, and of which nothing ever came: of what they do the cohort says nothing. */
  readonly missing: readonly string[]
}

/** A seed that failed. */
export interface SeedFailure {
  readonly seed: number
  readonly failure: string
}

/** Somebody who runs seeds, one at a time. */
export interface Runner {
  readonly run: RunSeed
  close(): Promise<void>
}

/**
 * Runs consecutive seeds, each by whichever runner is free, and puts together what they came to in the order of the seeds. So neither the number of
 * runners nor their speed can be told from the result, unless it stops by time.
 */
export async function runCohort(runners: readonly Runner[], options: CohortOptions): Promise<Cohort> {
  const { runs, first = 1, failures: enough = 3, forMs = Infinity } = options
  if (!Number.isSafeInteger(runs) || runs < 1 || !Number.isSafeInteger(first)) {
    throw new SimulationError(
      'invalid-simulation',
      `${runs} runs from seed ${first} are no cohort. Give a whole number of runs, at least one.`,
    )
  }
  const end = first + runs
  const beganMs = now()
  const done = new Map<number, CohortRun>()
  const counts = new Map<string, number>()
  const failures: SeedFailure[] = []
  let begun = first
  let next = first

  /** Adds what is there of the next seeds, in their order. */
  function gather(): void {
    for (let run = done.get(next); run !== undefined && failures.length < enough; run = done.get(next)) {
      done.delete(next)
      for (const [what, count] of Object.entries(run.counts)) counts.set(what, (counts.get(what) ?? 0) + count)
      if (run.failure !== undefined) failures.push({ seed: next, failure: run.failure })
      next += 1
    }
  }

  async function work({ run }: Runner): Promise<void> {
    while (begun < end && failures.length < enough && now() - beganMs < forMs) {
      const seed = begun++
      done.set(seed, await run(seed))
      gather()
    }
  }

  try {
    await Promise.all(runners.map(work))
  } finally {
    await Promise.all(runners.map((runner) => runner.close()))
  }
  const sorted = [...counts].sort(([a], [b]) => (a < b ? -1 : 1))
  return { first, next, runs: next - first, counts: Object.fromEntries(sorted), failures }
}

/** A real clock: a cohort may have so much time of a night. */
function now(): number {
  return (globalThis as unknown as { readonly performance: { now(): number } }).performance.now()
}

/** Runs seeds here. */
export function runHere(run: RunSeed): Runner {
  return { run, close: () => Promise.resolve() }
}
