import {
  isThenable,
  sendName,
  StmError,
  toValue,
  type Actions,
  type Agent,
  type Ref,
  type Tx,
  type Value,
} from '@syncline/stm'
import type { Core } from './core.ts'
import { closedError, StoreError } from './errors.ts'
import type { Lane } from './lane.ts'
import type { LiveAgent, Sent } from './live-agent.ts'
import type { Receipt } from './receipt.ts'
import type { Transacting } from './transacting.ts'

/** A live agent as its store sees it. */
export interface OwnedAgent extends LiveAgent<unknown, Actions> {
  /** The same agent in a newer form, as hot reload makes it: its actions are used from now on. */
  redefine(agent: Agent): void
  readonly refKey: string
  /** Throws `agent-failed` when nothing can be sent. */
  assertTaking(): void
  /** Takes a send that was declared in a transaction, whatever has become of the agent. */
  take(action: string, input: Value): Sent<unknown>
  close(): void
}

type Action = (state: unknown, input: Value, tx: Tx) => unknown

interface Item {
  readonly action: string
  readonly input: Value
  readonly waiters: { resolve(receipt: Receipt<unknown>): void; reject(error: unknown): void }[]
  outcome: { readonly receipt: Receipt<unknown> } | { readonly error: unknown } | undefined
}

/** Brings an agent to life: each action is one transaction on its ref. */
export function createLiveAgent(
  first: Agent,
  core: Core,
  transacting: Transacting,
  lane: Lane,
  /** Throws when it is called in the body of a transaction. */
  assertOutside: (what: string) => void,
): OwnedAgent {
  let agent = first
  const { name } = first
  const queue = new Set<Item>()
  const idlers = new Set<{ resolve(): void; reject(error: unknown): void }>()
  let isActing = false
  let isRestarting = false
  let failure: { readonly error: unknown; readonly action: string } | undefined

  function next(): void {
    if (isActing || failure !== undefined) return
    const [item] = queue
    if (item !== undefined) {
      isActing = true
      lane.run(() => void act(item))
      return
    }
    for (const { resolve } of idlers) resolve()
    idlers.clear()
  }

  async function act(item: Item): Promise<void> {
    try {
      settle(item, { receipt: await perform(item) })
    } catch (error) {
      if (!core.isClosed) fail(item, error)
      settle(item, { error })
    }
    queue.delete(item)
    isActing = false
    next()
  }

  function written(): Ref<unknown, { set: unknown }> {
    // The maker has checked that each action fits the ref, and its arbiter is asked for, whichever it is.
    return agent.ref as Ref<unknown, { set: unknown }>
  }

  /** A link that is down is no fault of the action: it is done when there is one. */
  async function perform(item: Item): Promise<Receipt<unknown>> {
    for (;;) {
      const run = { isOver: false }
      try {
        return await performOnce(item, run)
      } catch (error) {
        const isOffline = error instanceof StoreError && (error.code === 'offline' || error.code === 'unadopted')
        const { reachable } = core.arbitrations[written().arbiter] ?? {}
        // What the action itself throws is its failure, whatever it is.
        if (!isOffline || !run.isOver || reachable === undefined) throw error
        await reachable()
      }
    }
  }

  function performOnce({ action, input }: Item, run: { isOver: boolean }): Promise<Receipt<unknown>> {
    const ref = written()
    const act = agent.actions[action] as Action
    return transacting.transactAsync<unknown>(
      (tx) => {
        run.isOver = false
        const state = tx.get(ref)
        if (state === undefined) throw noState(name, ref.address)
        const made = act(state, input, tx)
        const keep = (value: unknown): unknown => {
          tx.set(ref, value)
          run.isOver = true
          return tx.get(ref)
        }
        return isThenable(made) ? made.then(keep) : keep(made)
      },
      // Nobody who undoes means what an agent did meanwhile.
      { arbiter: ref.arbiter, undo: false },
    )
  }

  function fail({ action }: Item, error: unknown): void {
    if (agent.onError === 'continue') {
      core.onError(
        new StoreError('action-failed', `The agent "${name}" has skipped "${action}", which threw: ${String(error)}.`, {
          cause: error,
        }),
      )
      return
    }
    failure = { error, action }
    core.onError(failed())
    for (const { reject } of idlers) reject(failed())
    idlers.clear()
  }

  function failed(): StoreError {
    return new StoreError(
      'agent-failed',
      `The agent "${name}" has stopped, because "${failure!.action}" threw: ${String(failure!.error)}. It takes nothing until it is restarted.`,
      { cause: failure!.error },
    )
  }

  function settle(item: Item, outcome: NonNullable<Item['outcome']>): void {
    item.outcome = outcome
    for (const { resolve, reject } of item.waiters) {
      if ('receipt' in outcome) resolve(outcome.receipt)
      else reject(outcome.error)
    }
  }

  function take(action: string, input: Value): Sent<unknown> {
    const item: Item = { action, input, waiters: [], outcome: undefined }
    queue.add(item)
    next()
    return {
      committed() {
        assertOutside(`Waiting for the agent "${name}"`)
        return new Promise((resolve, reject) => {
          const { outcome, waiters } = item
          if (outcome === undefined) waiters.push({ resolve, reject })
          else if ('receipt' in outcome) resolve(outcome.receipt)
          else reject(outcome.error)
        })
      },
    }
  }

  function assertTaking(): void {
    if (core.isClosed) throw closedError()
    if (failure !== undefined) throw failed()
  }

  function drop(error: unknown): void {
    for (const item of queue) settle(item, { error })
    queue.clear()
  }

  async function restart(state: unknown, clear: boolean): Promise<void> {
    if (core.isClosed) throw closedError()
    if (failure === undefined || isRestarting) {
      throw new StoreError(
        'agent-running',
        `The agent "${name}" ${isRestarting ? 'is being restarted' : 'has not failed'}, so it is not restarted. Send it an action, or write its ref.`,
      )
    }
    isRestarting = true
    try {
      const ref = written()
      await transacting.transactAsync<void>((tx) => tx.set(ref, state), { arbiter: ref.arbiter, undo: false })
    } finally {
      isRestarting = false
    }
    const before = failed()
    failure = undefined
    if (clear) drop(before)
    next()
  }

  return {
    get state() {
      return core.replica.memory.snapshot.get(agent.ref)
    },
    get status() {
      return failure !== undefined ? 'failed' : queue.size > 0 ? 'busy' : 'idle'
    },
    get error() {
      return failure?.error
    },
    send(action, ...input) {
      assertOutside(`Sending to the agent "${name}"`)
      sendName(agent, action)
      assertTaking()
      // An action that takes nothing is given null.
      return take(action, toValue(input[0] ?? null, `What "${action}" of the agent "${name}" is given`))
    },
    idle() {
      assertOutside(`Waiting for the agent "${name}"`)
      if (core.isClosed) return Promise.reject(closedError())
      if (failure !== undefined) return Promise.reject(failed())
      if (queue.size === 0) return Promise.resolve()
      return new Promise((resolve, reject) => idlers.add({ resolve, reject }))
    },
    restart(state, { clear = false } = {}) {
      assertOutside(`Restarting the agent "${name}"`)
      return restart(state, clear)
    },
    redefine(newer) {
      agent = newer
    },
    refKey: first.ref.key,
    assertTaking,
    take,
    close() {
      const error = closedError()
      drop(error)
      for (const { reject } of idlers) reject(error)
      idlers.clear()
    },
  }
}

function noState(name: string, address: string): StmError {
  return new StmError(
    'missing-member',
    `The agent "${name}" has no state: "${address}" does not exist, or was deleted. Create it first.`,
  )
}
