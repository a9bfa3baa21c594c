import type { History, Op, Transaction } from './history.ts'

/** One run of a body. */
export interface Attempt<O extends Op> {
  /** What it did so far. Add to it as it happens, each write with a value that no other attempt has written. */
  readonly ops: O[]
  /** It committed. */
  ok(): void
  /** It certainly did not: it threw, or it is run again. */
  fail(): void
}

/** Writes down who did what when. */
export interface Recorder<O extends Op> {
  /** A new attempt of this process. The one before, if nobody said what became of it, has failed: its body runs again. */
  begin(process: string | number): Attempt<O>
  /** What was recorded so far. Attempts of which nobody said what became of them are `info`. */
  readonly history: History<O>
}

/** Where a recorder takes its time from. */
export interface RecorderOptions {
  /** Default: counts, which is exact where all processes run in one thread. Several tabs need a clock that they share: `Date.now`. */
  readonly now?: () => number
}

/**
 * Records a history for {@link checkHistory}. Begin an attempt first thing in a body, so that each re-run is one of its own.
 *
 * @example
 * const recorder = createRecorder()
 * const first = recorder.begin('tab 1')
 * first.ops.push(['read', 'x', []])
 * const again = recorder.begin('tab 1')
 * again.ops.push(['read', 'x', [1]], ['append', 'x', 2])
 * again.ok()
 * expect(recorder.history).toEqual([
 *   { process: 'tab 1', invoked: 1, completed: 2, outcome: 'fail', ops: [['read', 'x', []]] },
 *   { process: 'tab 1', invoked: 3, completed: 4, outcome: 'ok', ops: [['read', 'x', [1]], ['append', 'x', 2]] },
 * ])
 */
export function createRecorder<O extends Op = Op>({ now = counting() }: RecorderOptions = {}): Recorder<O> {
  const attempts: {
    process: string | number
    invoked: number
    completed?: number
    outcome: Transaction['outcome']
    ops: O[]
  }[] = []
  const openOf = new Map<string | number, Attempt<O>>()
  return {
    begin(process) {
      openOf.get(process)?.fail()
      const attempt: (typeof attempts)[number] = { process, invoked: now(), outcome: 'info', ops: [] }
      const end = (outcome: 'ok' | 'fail'): void => {
        if (attempt.outcome !== 'info') return
        attempt.outcome = outcome
        attempt.completed = now()
      }
      attempts.push(attempt)
      const open = { ops: attempt.ops, ok: () => end('ok'), fail: () => end('fail') }
      openOf.set(process, open)
      return open
    },
    get history() {
      return attempts.map((attempt) => ({ ...attempt, ops: [...attempt.ops] }))
    },
  }
}

function counting(): () => number {
  let now = 0
  return () => ++now
}
