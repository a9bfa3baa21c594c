import {
  begin,
  isRetrySignal,
  isThenable,
  namesOf,
  StmError,
  type Arbiter,
  type Attempt,
  type CellKey,
  type EditContext,
  type Readable,
  type Ready,
  type Tx,
  type View,
} from '@syncline/stm'
import { ATTEMPTS, exhausted, pause } from './again.ts'
import type { Arbitration, Proposal } from './arbitration.ts'
import { checkArbiters, termsOf, type Committing, type Terms } from './committing.ts'
import type { Core } from './core.ts'
import { createEnding, type Ending } from './ending.ts'
import { closedError, noArbiterError } from './errors.ts'
import type { Receipt } from './receipt.ts'
import type { TransactAsyncOptions } from './transact-options.ts'
import { createTurns } from './turns.ts'

/** Runs transactions that await: on the snapshot at their beginning, again when what they depend on has moved. */
export interface Transacting {
  transactAsync<T, A extends Arbiter = 'local'>(
    body: (tx: Tx<'local' | A>) => T | PromiseLike<T>,
    options?: TransactAsyncOptions<A>,
  ): Promise<Receipt<T>>
}

/** Who decides about refs that are not this tab's own. */
export type Arbitrations = Readonly<Partial<Record<Arbiter, Arbitration>>>

/** Brings transactions that await into a store. */
export function transacting(core: Core): Transacting {
  return createTransacting(core, core.committing, core.arbitrations)
}

/** Makes the transacting of one open store. */
export function createTransacting(core: Core, committing: Committing, arbitrations: Arbitrations): Transacting {
  const { replica, clock } = core
  const { memory } = replica
  const turns = createTurns(clock)

  async function transactAsync<T, A extends Arbiter = 'local'>(
    body: (tx: Tx<'local' | A>) => T | PromiseLike<T>,
    options: TransactAsyncOptions<A> = {},
  ): Promise<Receipt<T>> {
    if (core.isClosed) throw closedError()
    const { arbiter, isolation = 'serializable', attempts = ATTEMPTS, timeoutMs, signal } = options
    const said = termsOf(options, core)
    const terms: Terms = { ...said, undo: core.undoing.marked(said.undo) }
    const once = new Map<string, unknown>()
    const turn = turns.enter()
    /** What made it run again, or what it waits for. */
    const lost = new Map<CellKey, number>()
    const arbitration = arbiter === undefined ? undefined : arbitrations[arbiter]
    let run = 1
    let overtakings = 0
    let hasBegun = false
    let awaits = false
    const ending = createEnding(signal, (end) => {
      const close = (): void => end(closedError())
      core.closing.add(close)
      const cancel =
        timeoutMs === undefined
          ? undefined
          : clock.setTimer(timeoutMs, () => end(exhausted(`The transaction was not done after ${timeoutMs} ms`, lost)))
      return () => {
        core.closing.delete(close)
        cancel?.()
      }
    })

    try {
      for (;;) {
        ending.throwIfOver()
        const moved = await attemptOnce()
        if (!Array.isArray(moved)) return moved as Receipt<T>
        for (const { key } of moved as readonly Readable<unknown>[]) lost.set(key, (lost.get(key) ?? 0) + 1)
        // Who waited for something was not overtaken.
        if (moved.length === 0) continue
        turn.overtaken(moved)
        if (run >= attempts) throw exhausted(`The transaction was overtaken in each of ${run} runs`, lost)
        overtakings += 1
        await ending.race(pause(core, overtakings))
        run += 1
      }
    } finally {
      turn.leave()
      ending.stop()
    }

    /** The receipt, or what has moved: nothing when it has waited for that. */
    async function attemptOnce(): Promise<Receipt<T> | readonly Readable<unknown>[]> {
      if (arbitration?.begin !== undefined && !hasBegun) await ending.race(arbitration.begin())
      hasBegun = true
      replica.flushDocuments()
      const context = committing.context()
      const attempt = begin<'local' | A>(memory, context, once, memory.view, core.validity.rules)
      let value: T | undefined
      try {
        const given = committing.running(() => body(attempt.tx))
        awaits = isThenable(given)
        // What does not await is over: it commits at once, as transact() does. In the body of another one it waits for the end of that.
        value = isThenable(given) || committing.isRunning() ? await ending.race(given) : given
      } catch (error) {
        // Whatever it threw, it came to retry(): that it did cannot be undone.
        if (!attempt.isRetrying) throw isRetrySignal(error) ? strayRetry() : error
      } finally {
        attempt.finish()
      }
      replica.flushDocuments()
      let checked = attempt.check(isolation)
      if (checked.kind === 'ready') {
        const held = turn.pass(checked.writes.map(({ ref }) => ref.key))
        if (held !== undefined) {
          await ending.race(held)
          checked = attempt.check(isolation)
        }
      }
      switch (checked.kind) {
        case 'rerun':
          return checked.moved
        case 'blocked':
          for (const { key } of checked.on) lost.set(key, lost.get(key) ?? 0)
          await waitForAny(checked.on, attempt, ending)
          return []
        case 'ready':
          return commit({ attempt, context, ready: checked, value: value as T })
      }
    }

    async function commit(first: Run): Promise<Receipt<T> | readonly Readable<unknown>[]> {
      let newest = first
      ending.throwIfOver()
      checkArbiters(first.ready.writes, arbiter)
      checkArbiter(arbiter)
      if (arbitration === undefined || first.ready.writes.length + first.ready.effects.length === 0) {
        const { change, durable, synced } = committing.write(first.ready, first.context, terms)
        reportSkew(first.ready)
        return { value: first.value, change, durable, synced }
      }
      const proposal: Proposal = {
        get attempt() {
          return newest.attempt
        },
        get ready() {
          return newest.ready
        },
        get context() {
          return newest.context
        },
        terms,
        isolation,
        ending,
        check(on) {
          const checked = newest.attempt.check(isolation, on)
          // What commits is what was checked last: by then more may have moved that it has read.
          if (checked.kind === 'ready') newest = { ...newest, ready: checked }
          return checked
        },
        again(on) {
          const next = runAgain(on)
          if (next !== undefined) newest = next
          return next?.ready
        },
      }
      const decision = await arbitration.decide(proposal)
      if (decision.kind === 'moved') return decision.moved
      const { writes, skewed } = newest.ready
      reportSkew({ writes, skewed: decision.skewed ?? skewed })
      const { change, durable, synced } = decision.receipt
      return { value: newest.value, change, durable, synced }
    }

    function runAgain(on: View): Run | undefined {
      // A body that awaits would see for a while what may never come true.
      if (awaits || run >= attempts) return undefined
      run += 1
      const context = committing.context()
      const attempt = begin<'local' | A>(memory, context, once, on, core.validity.rules)
      try {
        const value = committing.running(() => body(attempt.tx))
        awaits = isThenable(value)
        if (awaits) {
          void Promise.resolve(value).catch(() => undefined)
          return undefined
        }
        attempt.finish()
        const ready = attempt.check(isolation, on)
        if (ready.kind !== 'ready') return undefined
        checkArbiters(ready.writes, arbiter)
        return { attempt, context, ready, value: value as T }
      } catch {
        // It is run once more on what has come true, and if it throws there, that counts.
        return undefined
      } finally {
        attempt.finish()
      }
    }

    /** A run that can commit. */
    interface Run {
      readonly attempt: Attempt<never>
      readonly context: EditContext
      readonly ready: Ready
      readonly value: T
    }
  }

  /** Whether somebody here can decide. */
  function checkArbiter(arbiter: Arbiter | undefined): void {
    if (arbiter === undefined || arbiter === 'local' || arbitrations[arbiter] !== undefined) return
    throw noArbiterError(arbiter, core.parts, `A transaction with { arbiter: '${arbiter}' }`)
  }

  /** Resolves when one of these reads otherwise than it did for the attempt. */
  async function waitForAny(
    readables: readonly Readable<unknown>[],
    attempt: Attempt<never>,
    ending: Ending,
  ): Promise<void> {
    if (readables.length === 0) {
      throw new StmError(
        'would-block',
        'The body came to retry() and had read nothing, so nothing could ever wake it. Read what it waits for with tx.get().',
      )
    }
    let unsubscribe = (): void => undefined
    try {
      await ending.race(
        new Promise<void>((resolve) => {
          unsubscribe = core.watching.changes(readables, () => {
            if (attempt.check('serializable').kind === 'rerun') resolve()
          })
        }),
      )
    } finally {
      unsubscribe()
    }
  }

  function reportSkew({ skewed, writes }: Pick<Ready, 'skewed' | 'writes'>): void {
    if (!core.development || skewed.length === 0) return
    core.onError(
      new StmError(
        'write-skew',
        `A transaction with isolation 'snapshot' has written ${namesOf(writes.map(({ ref }) => ref.key))} although ` +
          `${namesOf(skewed.map(({ key }) => key))}, which it had read, has moved. If the one depends on the other, tx.ensure() it.`,
        { refs: skewed.map(({ key }) => key) },
      ),
    )
  }

  return { transactAsync }
}

/** A signal of some other transaction, thrown into this one. */
function strayRetry(): StmError {
  return new StmError(
    'would-block',
    'retry() was called on the tx of another transaction. Use the tx that the body gets.',
  )
}
