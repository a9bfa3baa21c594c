import type { Reversal, Value } from '@syncline/stm'
import { ADD, type CounterState } from './counter-state.ts'
import { addSums, decodeSum, encodeSum, negated, noSum, splitSum, type Sum } from './sum.ts'

/** Inverse of an addition: what was added. Nothing can stand in its way, and others' additions stay. */
export const counterReversal: Reversal<CounterState> = {
  isSmall: true,
  commutes: true,

  inverse(_before, payload) {
    if (!Array.isArray(payload) || payload.length !== 2 || payload[0] !== ADD) return undefined
    const added: Value = payload[1]
    return decodeSum(added) === undefined ? undefined : added
  },

  revert(_state, undone) {
    let sum: Sum = noSum
    for (const { inverse } of undone) sum = addSums(sum, negated(decodeSum(inverse) ?? noSum))
    return { payload: sum.length === 0 ? undefined : [ADD, encodeSum(splitSum(sum))], restored: null, superseded: [] }
  },
}
