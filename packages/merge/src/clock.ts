/**
 * The hybrid logical clock that stamps Changes: wall time where it can, a counter where it must.
 *
 * Kulkarni, Demirbas, Madappa, Avva, Leone, "Logical Physical Clocks", 2014. Both halves live in one number, microseconds since 1970: of
 * each millisecond the last three digits count what happened in it. The state is that one number, kept by the caller; 0 at the start.
 * Received stamps are never clamped: an order that all replicas agree on matters more than a wrong clock, which the relay refuses.
 */

/**
 * The next stamp of a writer: the wall clock when it has moved on, one more than everything seen when it has not, or ran backwards.
 *
 * @example
 * import { tick, witness } from '@syncline/merge'
 *
 * let last = tick(0, 1_000)
 * expect(last).toBe(1_000_000)
 * last = witness(last, 5_000_000)
 * expect(tick(last, 1_001)).toBe(5_000_001)
 */
export function tick(last: number, nowMs: number): number {
  return Math.max(Math.trunc(nowMs * 1000), last + 1)
}

/** The clock after a stamp of another writer was seen: whatever is stamped from now on comes after it. */
export function witness(last: number, remoteAt: number): number {
  return remoteAt > last ? remoteAt : last
}
