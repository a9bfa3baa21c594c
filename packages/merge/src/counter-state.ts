import type { WriterId } from '@syncline/stm'
import { addSums, addToSum, noSum, valueOfSum, type Sum } from './sum.ts'

/** Operation of a counter: `[ADD, delta]`, where the delta is a number or, when it takes several to be exact, an array of them. */
export const ADD = 0

/**
 * What writers have added up. Kept for each writer, so that joining two states takes, for each, what the one that saw more of it says,
 * and never counts anything twice.
 */
export interface CounterState {
  readonly sums: ReadonlyMap<WriterId, Sum>
  readonly total: Sum
}

/** The state after a writer added. */
export function addToCounter(state: CounterState | undefined, writer: WriterId, delta: Sum): CounterState | undefined {
  if (delta.length === 0) return state
  if (state === undefined) return { sums: new Map([[writer, delta]]), total: delta }
  const sums = new Map(state.sums)
  sums.set(writer, addSums(sums.get(writer) ?? noSum, delta))
  return { sums, total: addSums(state.total, delta) }
}

/** What a counter reads, with an addition that is not in the state yet. */
export function readCounter(state: CounterState | undefined, delta: Sum = noSum): number {
  const total = state?.total ?? noSum
  return valueOfSum(delta.length === 0 ? total : delta.reduce(addToSum, total))
}
