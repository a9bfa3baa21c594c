import type { Clock } from './ports.ts'

/** Runs jobs one after the other as soon as the running task lets it, and lets the page have a turn when they take long. */
export interface Lane {
  run(job: () => void): void
  close(): void
}

/** So much is done in one turn of the page: below half a frame, and bounded too where no time seems to pass. */
const TURN_MS = 8
const TURN_JOBS = 1000
/** The page's own turn: as short as timers are. */
const BETWEEN_MS = 1

/** Makes an empty lane. */
export function createLane(clock: Clock): Lane {
  const due: (() => void)[] = []
  let isScheduled = false
  let startedAtMs = 0
  let done = 0
  /** Set from the first job of a turn until the page has had its own. */
  let cancelTurn: (() => void) | undefined

  function schedule(): void {
    if (isScheduled || due.length === 0) return
    if (cancelTurn === undefined) {
      startedAtMs = clock.nowMs()
      done = 0
      cancelTurn = clock.setTimer(BETWEEN_MS, () => {
        cancelTurn = undefined
        schedule()
      })
    }
    if (isOver()) return
    isScheduled = true
    queueMicrotask(go)
  }

  function go(): void {
    isScheduled = false
    while (due.length > 0 && !isOver()) {
      done += 1
      due.shift()!()
    }
    schedule()
  }

  function isOver(): boolean {
    return done >= TURN_JOBS || clock.nowMs() - startedAtMs >= TURN_MS
  }

  return {
    run(job) {
      due.push(job)
      schedule()
    },
    close() {
      cancelTurn?.()
      cancelTurn = undefined
      due.length = 0
    },
  }
}
