import { counted } from './counted.ts'
import { addTo, emptySummary, type Judged, type Summary } from './one-tab.ts'

/** Histories that share their stores: opening stores costs more than a history. */
export const PER_STORE = 50

/** Runs histories with the seeds from `first` on, in batches that share their stores, and adds up what was found. */
export async function inBatches(
  histories: number,
  first: number,
  run: (first: number, last: number, each: (seed: number, judged: Judged) => void) => Promise<void>,
): Promise<Summary> {
  const summary = emptySummary()
  for (let seed = first; seed < first + histories; seed += PER_STORE) {
    const last = Math.min(seed + PER_STORE, first + histories) - 1
    await run(seed, last, (at, judged) => addTo(summary, at, judged))
  }
  counted('histories', histories)
  return summary
}
