import type { Trace } from './decider.ts'

/** What came of one schedule. */
export interface Report {
  readonly seed: number
  /** Everything that was decided: `replay` takes it. */
  readonly trace: Trace
  /** A digest of every byte that happened: equal for equal schedules. */
  readonly digest: string
  /** What happened, how often: actions, Changes, restarts, faults of which something came. */
  readonly counts: Readonly<Record<string, number>>
  /** Events, and how much time passed by the clock that nobody sees. */
  readonly events: number
  readonly virtualMs: number
}
