import type { Clock } from './ports.ts'

/** No timer of the platform takes longer; who waits for more looks again then. */
export const LONGEST_MS: number = 2 ** 31 - 1

/** Calls `over` at a moment, however far off it is. Returns what prevents that. */
export function atMoment(clock: Clock, atMs: number, over: () => void): () => void {
  let cancel: () => void
  const wait = (): void => {
    const leftMs = atMs - clock.nowMs()
    cancel = clock.setTimer(Math.min(Math.max(0, leftMs), LONGEST_MS), leftMs > LONGEST_MS ? wait : over)
  }
  wait()
  return () => cancel()
}
