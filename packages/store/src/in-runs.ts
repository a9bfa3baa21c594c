import { goesOn, type RunChange } from '@syncline/protocol'
import type { Change } from '@syncline/stm'
import type { Pending } from './pending.ts'

/** Pending Changes in their order: of those that may be in a run together the run, and the others by themselves. */
export function inRuns(pending: readonly Pending[]): readonly (readonly RunChange[] | Pending)[] {
  const parts: (readonly RunChange[] | Pending)[] = []
  let run: RunChange[] = []
  let last: Change | undefined
  for (const one of pending) {
    const change = one.bare()
    if (change === undefined) parts.push(one)
    else {
      if (last === undefined || !goesOn(last, change)) parts.push((run = []))
      run.push({ change, inverse: one.inverse() })
    }
    last = change
  }
  return parts
}
