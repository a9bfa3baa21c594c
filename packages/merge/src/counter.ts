import { checkName, makeRef, type Arbiter, type Policy, type Ref, type RefOptions } from '@syncline/stm'
import { checkNoVersion } from './lens.ts'
import { counterReversal } from './counter-reversal.ts'
import { ADD, addToCounter, differenceOf, readCounter, totalOf, type CounterState } from './counter-state.ts'
import { addendsOf, addSums, addToSum, decodeSum, encodeSum, noSum, valueOfSum, type Sum } from './sum.ts'
import { checkDelta, noSuchWrite } from './writes.ts'

interface CounterDraft {
  readonly base: CounterState | undefined
  readonly delta: Sum
}

/** A number that everybody may add to. */
const policy: Policy<number, CounterState, CounterDraft> = {
  tag: 'counter',

  apply(state, payload, stamp) {
    if (!Array.isArray(payload) || payload.length !== 2 || payload[0] !== ADD) return state!
    const delta = decodeSum(payload[1])
    return delta === undefined ? state! : addToCounter(state, stamp, delta)!
  },

  read: (state) => readCounter(state),

  // A counter that has come back to 0 reads as one that nobody has added to.
  content: (state) => readCounter(state) || undefined,

  draft: (base) => ({ base, delta: noSum }),

  edit(draft, intent, ref) {
    const where = `The counter "${ref.address}"`
    let delta = draft.delta
    if (intent.kind === 'add') delta = addToSum(delta, checkDelta(intent.delta, where))
    else if (intent.kind === 'merge') {
      delta = addSums(delta, differenceOf(totalOf(draft.base, delta), intent.base, intent.mine, where))
    } else throw noSuchWrite(ref.address, intent, 'a counter', 'add and merge')
    if (delta === draft.delta) return draft
    checkDelta(valueOfSum(delta), where)
    return { base: draft.base, delta }
  },

  readDraft: (draft) => readCounter(draft.base, draft.delta),

  finish: ({ delta }) => (delta.length === 0 ? undefined : [ADD, encodeSum(delta)]),

  distill: ({ tallies }) =>
    Array.from(tallies).flatMap(([writer, { sum, at }]) =>
      addendsOf(sum).map((addends) => ({ payload: [ADD, addends], stamp: { at, writer } })),
    ),

  reversal: counterReversal,
}

/** The writes of a counter. */
export interface CounterWrites {
  readonly add: true
  readonly merge: number
}

/**
 * A counter: concurrent additions sum up, exactly, also of fractions. It reads 0 while nobody has added.
 *
 * Takes finite numbers up to `Number.MAX_SAFE_INTEGER`; others are `StmError` `invalid-value`. Additions of one transaction that come
 * to 0 write nothing. `merge` adds the difference. State: one sum for each writer that ever added.
 *
 * @example
 * import { counter } from '@syncline/merge'
 *
 * const votes = counter('votes')
 * expect(votes.key).toBe('counter votes')
 */
export function counter<A extends Arbiter = 'local'>(
  name: string,
  options?: RefOptions<A>,
): Ref<number, CounterWrites, A> {
  checkNoVersion(name, options)
  return makeRef<number, CounterWrites, A>(policy, checkName(name), undefined, options)
}
