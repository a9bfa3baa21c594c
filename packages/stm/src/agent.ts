import type { Arbiter } from './change.ts'
import { StmError } from './errors.ts'
import { checkName, type Ref, type Writes } from './ref.ts'
import type { Tx } from './transaction.ts'

/** The actions of an agent, by name: each makes the next state of the state and an input, at once or as a promise. */
export type Actions = Readonly<Record<string, (state: never, input: never, tx: never) => unknown>>

/** What an action is given beside its name. */
export type ActionInput<F extends Actions[string]> = Input<Parameters<F>>

type Input<P extends readonly unknown[]> = P extends readonly [] | readonly [unknown]
  ? readonly []
  : P extends readonly [unknown, infer I, ...(readonly unknown[])]
    ? readonly [input: I]
    : P extends readonly [unknown, (infer I)?, ...(readonly unknown[])]
      ? readonly [input?: I]
      : never

/**
 * A ref whose state changes by named actions, one at a time. It is data that names code: what is sent to it is the name of an action and
 * an input, so a send can rest in a Change. A store brings it to life.
 */
export interface Agent<S = unknown, M extends Actions = Actions> {
  readonly kind: 'agent'
  readonly name: string
  readonly ref: Ref<S, Writes, Arbiter>
  readonly actions: M
  readonly onError: 'fail' | 'continue'
}

/** What an agent is made of beside its name and its ref. */
export interface AgentOptions<M extends Actions> {
  readonly actions: M
  /**
   * What becomes of the agent when an action throws: `fail`, the default, it stops, refuses what is sent to it and waits to be restarted;
   * `continue`, the action is skipped and the error reported.
   */
  readonly onError?: 'fail' | 'continue'
}

/** With this the names of effects begin that are sends to agents. */
const SENDS = 'agent:'

/**
 * Makes an agent: Clojure's, with named actions. Its state is the value of `ref`, and whoever looks may read it at any time.
 *
 * An action gets the state, the input and the transaction that it runs in, and returns the next state. It may run again, like every body: wrap
 * outside work in `tx.once`. What it sends by `tx.send` is held until it is committed. Inputs are data. Throws `StmError` `invalid-address` for
 * the name of an agent or action that cannot be one.
 *
 * @example
 * import { agent } from '@syncline/stm'
 *
 * const votes = agent('votes', register('votes', 0), {
 *   actions: { add: (count, n: number) => count + n, reset: () => 0 },
 * })
 * expect(Object.keys(votes.actions)).toEqual(['add', 'reset'])
 */
export function agent<
  S,
  V,
  A extends Arbiter,
  const M extends Readonly<
    Record<string, (state: Exclude<S, undefined>, input: never, tx: Tx<'local' | A>) => V | PromiseLike<V>>
  >,
>(name: string, ref: Ref<S, { set: V }, A>, { actions, onError = 'fail' }: AgentOptions<M>): Agent<S, M> {
  checkName(name)
  for (const action of Object.keys(actions)) checkName(action)
  return Object.freeze({ kind: 'agent', name, ref, actions: Object.freeze({ ...actions }), onError })
}

/**
 * What the effect is called that is a send of this action to this agent. Throws `StmError` `invalid-write` when it has no such action.
 *
 * @example
 * import { agent, sendName } from '@syncline/stm'
 *
 * const votes = agent('votes', register('votes', 0), { actions: { reset: () => 0 } })
 * expect(sendName(votes, 'reset')).toBe('agent:votes/reset')
 * expect(() => sendName(votes, 'double')).toThrow('It has reset.')
 */
export function sendName({ name, actions }: Agent<unknown, Actions>, action: string): string {
  if (Object.hasOwn(actions, action)) return `${SENDS}${name}/${action}`
  throw new StmError(
    'invalid-write',
    `The agent "${name}" has no action ${JSON.stringify(action)}. It has ${Object.keys(actions).join(', ')}.`,
  )
}

/** Whether an effect of this name is a send to an agent. */
export function isSendName(handler: string): boolean {
  return handler.startsWith(SENDS)
}
