/** About how many bytes are read at once: enough that the cost of a transaction vanishes, few enough that the page, which gets them in one task, stands still for some ten milliseconds. */
const BATCH_BYTES = 2 * 1024 * 1024
/** At 10 µs each, a batch of small entries takes a few milliseconds. */
const MOST_ENTRIES = 512

/** How many entries to read first, when nothing is known about their size: what can be taken in while the next ones are read. */
export const FIRST_BATCH = 8
/** So many times more are read each time, so that the reading stays just ahead of the taking in. */
const GROWTH = 4

/** How many entries to read next, after `entries` that had `bytes` together where `count` were to be read if there had been so many. */
export function nextBatch(entries: number, bytes: number, count: number = entries): number {
  const most = Math.min(MOST_ENTRIES, GROWTH * Math.max(entries, count))
  return Math.max(1, Math.min(most, Math.floor((BATCH_BYTES * entries) / Math.max(1, bytes))))
}
