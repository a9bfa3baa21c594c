import {
  readyMade,
  StmError,
  takeBack,
  type Cells,
  type CellKey,
  type PastOf,
  type Readable,
  type Ready,
  type TakenBack,
  type UndoneChange,
  type View,
} from '@syncline/stm'
import { ATTEMPTS, exhausted, pause } from './again.ts'
import type { Proposal } from './arbitration.ts'
import { nothingChanged, type Committing, type Terms } from './committing.ts'
import type { Core } from './core.ts'
import { createEnding, type Ending } from './ending.ts'
import { closedError, needsAsyncError, noArbiterError, StoreError } from './errors.ts'
import type { Receipt } from './receipt.ts'
import type { UndoAsyncOptions } from './transact-options.ts'
import type { OwnChange, Step, UndoLine } from './undo-line.ts'
import type { Undone } from './undo-stack.ts'
import type { Taking } from './undoing.ts'

/** Which way a step is taken: back, or forth again. */
export type Direction = 'undo' | 'redo'

/** Takes steps back, and does them again. */
export interface UndoTaking {
  /** At once. */
  take(scope: string, direction: Direction): Undone
  /** After those that were asked for before, whoever must decide about it. */
  takeAsync(scope: string, direction: Direction, options?: UndoAsyncOptions): Promise<Undone>
  /** Whether one waits, for its turn or to be decided. */
  isWaiting(scope: string): boolean
}

/** What there is to take. */
export interface Takeable {
  line(scope: string): UndoLine
  undone(changes: readonly OwnChange[]): readonly UndoneChange[]
  readonly pastOf: PastOf
  /** The stacks may have changed. */
  tell(): void
}

/** Makes the taking of one open store. */
export function createUndoTaking(
  core: Core,
  committing: Committing,
  { line, undone, pastOf, tell }: Takeable,
): UndoTaking {
  const { replica, clock } = core
  const { memory } = replica
  /** For each scope that has some under way: how many, and the end of the last. */
  const queues = new Map<string, { count: number; last: Promise<void> }>()

  /** What it takes, on a view, and who has to make sure of what else. */
  function takenOn(step: Step | undefined, on: View): { readonly cells: Cells; readonly taken: TakenBack } {
    const cells: Cells = { state: (key) => on.state(key), policy: memory.policy }
    return { cells, taken: step === undefined ? nothingTaken : takeBack(cells, undone(step.changes), pastOf) }
  }

  function takeNow(scope: string, direction: Direction): Undone {
    replica.flushDocuments()
    const step = line(scope).next(direction)
    if (step === undefined) return undoneBy(nothingChanged, nothingTaken)
    if (step.arbiter !== 'local') throw needsAsyncError(direction, `wrote ${step.arbiter} refs`)
    return commitHere(scope, direction, step)
  }

  /** Commits what is left of a step that no arbiter has a say in. */
  function commitHere(scope: string, direction: Direction, step: Step): Undone {
    checkPolicies(step, direction)
    const { cells, taken } = takenOn(step, memory.view)
    let receipt: Receipt<void> = nothingChanged
    if (taken.ops.length === 0) line(scope).skip(step)
    else {
      const context = committing.context()
      const writes = readyMade(taken.ops, cells, core.validity.refOf)
      core.validity.rules.judge(writes, memory.view, context)
      receipt = committing.write({ writes, effects: none }, context, termsOf({ scope, direction, step, taken }))
    }
    tell()
    return undoneBy(receipt, taken)
  }

  async function takeAsync(scope: string, direction: Direction, options: UndoAsyncOptions = {}): Promise<Undone> {
    checkCall(direction)
    options.signal?.throwIfAborted()
    const arbiter = line(scope).next(direction)?.arbiter ?? 'local'
    if (!queues.has(scope) && arbiter === 'local') return takeNow(scope, direction)
    const ending = endingOf(direction, options)
    const before = queues.get(scope) ?? { count: 0, last: Promise.resolve() }
    let leave = (): void => undefined
    const over = new Promise<void>((resolve) => (leave = resolve))
    const queue = { count: before.count + 1, last: before.last.then(() => over) }
    queues.set(scope, queue)
    tell()
    try {
      await ending.race(before.last)
      if (core.isClosed) throw closedError()
      return await decided(scope, direction, ending, options.attempts ?? ATTEMPTS)
    } finally {
      ending.stop()
      leave()
      const now = queues.get(scope)!
      if (now.count === 1) queues.delete(scope)
      else queues.set(scope, { ...now, count: now.count - 1 })
      tell()
    }
  }

  /** Has the newest step taken by whoever must decide about it. */
  async function decided(scope: string, direction: Direction, ending: Ending, attempts: number): Promise<Undone> {
    const asked = line(scope).next(direction)?.arbiter ?? 'local'
    if (asked === 'local') return takeNow(scope, direction)
    const arbitration = core.arbitrations[asked]
    if (arbitration === undefined) throw noArbiterError(asked, core.parts, `${direction} of a step on ${asked} refs`)
    if (arbitration.begin !== undefined) await ending.race(arbitration.begin())
    replica.flushDocuments()
    // What has come with that may have changed the stack.
    const step = line(scope).next(direction)
    if (step?.arbiter !== asked) return decided(scope, direction, ending, attempts)
    line(scope).closeGroup()
    checkPolicies(step, direction)
    const { proposal, taking } = propose(scope, direction, step, ending)
    const lost = new Map<CellKey, number>()
    for (let run = 1; ; run++) {
      ending.throwIfOver()
      proposal.check()
      if (!taking.taken.ops.some((op) => op.arbiter === asked)) {
        const left = line(scope).find(direction, step)
        return left === undefined ? undoneBy(nothingChanged, nothingTaken) : commitHere(scope, direction, left)
      }
      const decision = await arbitration.decide(proposal)
      if (decision.kind === 'committed') {
        const { receipt } = decision
        const left = receipt.change === undefined ? line(scope).find(direction, step) : undefined
        if (left !== undefined) line(scope).skip(left)
        return undoneBy(receipt, taking.taken)
      }
      for (const { key } of decision.moved) lost.set(key, (lost.get(key) ?? 0) + 1)
      if (run >= attempts) throw exhausted(`${direction} was overtaken in each of ${run} tries`, lost)
      await ending.race(pause(core, run))
    }
  }

  /** Taking a step as a transaction that wants to commit: it reads nothing, and is made anew on whatever there is. */
  function propose(
    scope: string,
    direction: Direction,
    first: Step,
    ending: Ending,
  ): { readonly proposal: Proposal; readonly taking: Taking } {
    const context = committing.context()
    let step = first
    let taken = nothingTaken
    let ensured: readonly Readable<unknown>[] = none
    let ready: Ready = { kind: 'ready', writes: none, effects: none, skewed: none }
    const taking: Taking = {
      scope,
      direction,
      get step() {
        return step
      },
      get taken() {
        return taken
      },
    }

    function check(on: View = memory.view): Ready {
      // A part of it may have been refused since, or have come into it.
      const found = line(scope).find(direction, step)
      step = found ?? step
      const now = takenOn(found, on)
      taken = now.taken
      const writes = readyMade(taken.ops, now.cells, core.validity.refOf)
      ensured = writes.length === 0 ? none : core.validity.rules.judge(writes, on, context)
      return (ready = { kind: 'ready', writes, effects: none, skewed: none })
    }

    const proposal: Proposal = {
      attempt: { reads: () => none, ensured: () => ensured },
      get ready() {
        return ready
      },
      context,
      terms: termsOf(taking),
      isolation: 'serializable',
      ending,
      check,
      again: check,
    }
    return { proposal, taking }
  }

  /** After a reload operations are taken back by policies that come with the refs of the app. */
  function checkPolicies({ changes }: Step, direction: Direction): void {
    for (const change of changes) {
      const strange = change.inverses().find(({ tag, inverse }) => inverse !== null && memory.policy(tag) === undefined)
      if (strange === undefined) continue
      throw new StoreError(
        'unknown-policy',
        `${direction}() would write "${strange.address}", and this store has not met a "${strange.tag}" ref yet. ` +
          'Nothing has happened: read one first, as with store.get(ref).',
      )
    }
  }

  function checkCall(direction: Direction): void {
    if (core.isClosed) throw closedError()
    if (!committing.isRunning()) return
    throw new StmError(
      'nested-transaction',
      `${direction}() was called in the body of a transaction. Call it when that has returned.`,
    )
  }

  function endingOf(direction: Direction, { signal, timeoutMs }: UndoAsyncOptions): Ending {
    return createEnding(signal, (end) => {
      const close = (): void => end(closedError())
      core.closing.add(close)
      const late = (): void => end(exhausted(`${direction} was not done after ${timeoutMs} ms`, new Map()))
      const cancel = timeoutMs === undefined ? undefined : clock.setTimer(timeoutMs, late)
      return () => {
        core.closing.delete(close)
        cancel?.()
      }
    })
  }

  return {
    take(scope, direction) {
      checkCall(direction)
      if (queues.has(scope)) throw needsAsyncError(direction, 'is behind one that is under way')
      return takeNow(scope, direction)
    },
    takeAsync,
    isWaiting: (scope) => queues.has(scope),
  }
}

const none: readonly never[] = []
const nothingTaken: TakenBack = { ops: none, restored: none, superseded: none, irreversible: none }

function termsOf(undo: Taking): Terms {
  return { meta: null, strict: false, undo }
}

function undoneBy({ change, durable, synced }: Receipt<void>, { superseded, irreversible }: TakenBack): Undone {
  return { value: undefined, change, durable, synced, superseded, irreversible }
}
