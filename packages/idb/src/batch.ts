/** About how many bytes are read at once: enough that the cost of a transaction vanishes, few enough that the page, which gets them in one task, stands still for some ten milliseconds. */
const BATCH_BYTES = 2 * 1024 * 1024
/** At 10 µs each, a batch of small entries takes a few milliseconds. */
const MOST_ENTRIES = 512

/** How many entries to read first, when nothing is known about their size: few, so that they can be taken in while the next ones are read. */
export const FIRST_BATCH = 4
/** So many times more are read each time, so that the reading stays just ahead of the taking in. */
const GROWTH = 4

/** How many entries to read next, after `entries` that had `bytes` together, of `count` that might have come. Where fewer were to be read, that says nothing of how many there are. */
export function nextBatch(entries: number, bytes: number, count: number = entries): number {
  const most = Math.min(MOST_ENTRIES, entries < count ? count : GROWTH * entries)
  return Math.max(1, Math.min(most, Math.floor((BATCH_BYTES * entries) / Math.max(1, bytes))))
}
