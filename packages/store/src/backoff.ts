import type { Chance, Clock } from './ports.ts'

/**
 * How long to wait between attempts: a random time up to a limit that doubles from one failure to the next ("full jitter"; Marc Brooker,
 * "Exponential Backoff And Jitter", AWS 2015), behind the time that the other side asked for: all whom a relay sends away at once would else come back at once.
 */
export interface Backoff {
  /** An attempt has succeeded. When that lasts, the next failure starts with short delays again. */
  succeed(): void
  /** An attempt, or what came of it, has failed: the delay until the next, none of it in the time that was asked for. */
  fail(askedMs: number): number
  /** Forgets all failures. */
  reset(): void
}

const FIRST_LIMIT_MS = 500
const LAST_LIMIT_MS = 30_000
/** What held this long was good. */
const STABLE_MS = 10_000

export function createBackoff(clock: Clock, chance: Chance): Backoff {
  let failures = 0
  let sinceMs: number | undefined
  return {
    succeed() {
      sinceMs = clock.nowMs()
    },
    fail(askedMs) {
      if (sinceMs !== undefined && clock.nowMs() - sinceMs >= STABLE_MS) failures = 0
      sinceMs = undefined
      const limitMs = Math.min(LAST_LIMIT_MS, FIRST_LIMIT_MS * 2 ** failures)
      failures += 1
      return askedMs + Math.ceil(chance.fraction() * limitMs)
    },
    reset() {
      failures = 0
      sinceMs = undefined
    },
  }
}
