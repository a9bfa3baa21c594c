import { StmError, type Stamp, type WriterId } from '@syncline/stm'
import { addSums, addToSum, negated, noSum, valueOfSum, type Sum } from './sum.ts'
import { describe } from './writes.ts'

/** Operation of a counter: `[ADD, delta]`, where the delta is a number or, when it takes several to be exact, an array of them. */
export const ADD = 0

/**
 * What writers have added up. Kept for each writer, so that joining two states takes, for each, what the one that saw more of it says,
 * and never counts anything twice.
 */
export interface CounterState {
  readonly tallies: ReadonlyMap<WriterId, Tally>
  readonly total: Sum
}

/** What one writer has added, and when last. */
export interface Tally {
  readonly sum: Sum
  readonly at: number
}

/** The state after a writer added. */
export function addToCounter(
  state: CounterState | undefined,
  { at, writer }: Stamp,
  delta: Sum,
): CounterState | undefined {
  if (delta.length === 0) return state
  if (state === undefined) return { tallies: new Map([[writer, { sum: delta, at }]]), total: delta }
  const tallies = new Map(state.tallies)
  const before = tallies.get(writer)
  tallies.set(
    writer,
    before === undefined ? { sum: delta, at } : { sum: addSums(before.sum, delta), at: Math.max(before.at, at) },
  )
  return { tallies, total: addSums(state.total, delta) }
}

/** What a counter reads, with an addition that is not in the state yet. */
export function readCounter(state: CounterState | undefined, delta: Sum = noSum): number {
  return valueOfSum(totalOf(state, delta))
}

/** The exact total of a counter, with an addition that is not in the state yet. */
export function totalOf(state: CounterState | undefined, delta: Sum = noSum): Sum {
  const total = state?.total ?? noSum
  return delta.length === 0 ? total : addSums(total, delta)
}

/**
 * What is added for a number that somebody had and made another. Who had what is there now gets exactly what they want, though what they had
 * was a sum that was rounded.
 */
export function differenceOf(total: Sum, base: unknown, mine: unknown, where: string): Sum {
  const [had, wants] = [checkCount(base, where), checkCount(mine, where)]
  if (had === wants) return noSum
  return addToSum(negated(valueOfSum(total) === had ? total : sumOf(had)), wants)
}

function checkCount(value: unknown, where: string): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value
  throw new StmError('invalid-value', `${where} is merged by numbers and got ${describe(value)}. Give what it read.`)
}

function sumOf(number: number): Sum {
  return addToSum(noSum, number)
}
