/** About how many bytes are read at once: enough that the cost of a transaction vanishes, few enough that the page, which gets them in one task, stands still for some ten milliseconds. */
const BATCH_BYTES = 2 * 1024 * 1024
/** At 10 µs each, a batch of small entries takes a few milliseconds. */
const MOST_ENTRIES = 512

/** How many entries to read first, when nothing is known about their size. */
export const FIRST_BATCH = 16

/** How many entries to read next, after `entries` that had `bytes` together. */
export function nextBatch(entries: number, bytes: number): number {
  return Math.max(1, Math.min(MOST_ENTRIES, Math.floor((BATCH_BYTES * entries) / Math.max(1, bytes))))
}
