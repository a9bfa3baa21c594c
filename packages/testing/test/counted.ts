import { appendFileSync } from 'node:fs'

/** What simulations try out. */
export type Tried = 'histories' | 'schedules with faults' | 'ends of runs' | 'orders of frames' | 'orders of Changes'

/** Takes note of what was tried out; when all simulations have run, the sums are printed (`scripts/vitest/counted.mjs`). */
export function counted(what: Tried, count: number): void {
  const file = process.env['SYNCLINE_COUNTED']
  // Who runs one file without its project wants no sums.
  if (file !== undefined) appendFileSync(file, `${JSON.stringify({ what, count })}\n`)
}
