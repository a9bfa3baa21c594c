import type { ActionInput, Actions } from '@syncline/stm'
import type { Receipt } from './receipt.ts'

/**
 * An agent at work in one store.
 *
 * @example
 * import { lww } from '@syncline/merge'
 * import { agent } from '@syncline/stm'
 * import { openStore } from '@syncline/store'
 *
 * const account = agent('account', lww('balance', 10), {
 *   actions: {
 *     take(balance, amount: number) {
 *       if (amount > balance) throw new Error('Not that much is there.')
 *       return balance - amount
 *     },
 *   },
 * })
 * const store = await openStore({ space: 'bank', onError: () => undefined })
 * const live = store.agent(account)
 * const { value, change } = await live.send('take', 3).committed()
 * expect([value, change.seq]).toEqual([7, 1])
 *
 * await expect(live.send('take', 100).committed()).rejects.toThrow('Not that much')
 * expect(live.status).toBe('failed')
 * expect(() => live.send('take', 1)).toThrow('takes nothing until it is restarted')
 * await live.restart(20)
 * expect([live.status, live.state]).toEqual(['idle', 20])
 * await store.close()
 */
export interface LiveAgent<S, M extends Actions> {
  /** The value of its ref, now: without what is still to be done. */
  readonly state: S
  /** `failed`: an action has thrown and `error` says what. What was sent before is kept, and nothing is done until `restart`. */
  readonly status: 'idle' | 'busy' | 'failed'
  /** What the action threw that made it fail; undefined while it has not. */
  readonly error: unknown

  /**
   * Sends an action, and returns at once. Throws `StoreError` `agent-failed` when it has failed, `closed`; `StmError` `invalid-write` for an
   * action that it does not have, `invalid-value` for an input that is not data, `io-in-transaction` in a body: use `tx.send` there.
   */
  send<K extends keyof M & string>(action: K, ...input: ActionInput<M[K]>): Sent<S>

  /**
   * Resolves when there is nothing left to do. Rejects with `StoreError` `agent-failed` when it has failed or fails, and on `close()`.
   * Throws `StmError` `io-in-transaction` in a body, up to its first `await`: it would wait for itself.
   */
  idle(): Promise<void>

  /**
   * Gives a failed agent a state and lets it go on with what was sent to it; `clear` forgets that instead. Rejects, and it stays failed, when
   * the state cannot be written; with `StoreError` `agent-running` when it has not failed.
   */
  restart(state: Exclude<S, undefined>, options?: { readonly clear?: boolean }): Promise<void>
}

/** What was sent to an agent. Not a promise: ignoring it is fine. */
export interface Sent<S> {
  /**
   * Resolves with the receipt of its transaction, whose value is the state that it made. Rejects with what the action threw, with
   * `agent-failed` when it was cleared by a restart, and on `close()`. Throws `StmError` `io-in-transaction` in a body.
   */
  committed(): Promise<Receipt<S>>
}
