import { encodeChange, encodeLocal } from '@syncline/protocol'
import {
  arbiterOf,
  cellKeyOf,
  equalValues,
  namesOf,
  StmError,
  type AnyRef,
  type CellKey,
  type Change,
  type DraftWrite,
  type Readable,
  type View,
  type WriterId,
} from '@syncline/stm'
import type { Arbitration, Decision, Proposal } from './arbitration.ts'
import { nothingChanged, type Committing } from './committing.ts'
import type { Core } from './core.ts'
import { createEnding, type Ending } from './ending.ts'
import type { Outcome } from './envelopes.ts'
import { closedError, offlineError, perhapsStored, StoreError, unadoptedError } from './errors.ts'
import { expectationsOf } from './expectations.ts'
import { randomId } from './identity.ts'
import { createInFlight } from './in-flight.ts'
import type { Posting } from './posting.ts'
import type { Pulse } from './pulse.ts'
import { localPart, sharedPart } from './read-change.ts'
import type { OwnNote } from './undoing.ts'

/** What the committing on `relay` refs needs beside the core. */
export interface RelayCommitSide {
  readonly committing: Committing
  readonly posting: Posting
  readonly pulse: Pulse
  /** Whether what the log holds is still there tomorrow. */
  readonly isLasting: boolean
  /** Whether the relay can be asked now; undefined while that is being found out. */
  isReachable(): boolean | undefined
  /** Calls `listener` when that may have changed. Returns `unsubscribe`. */
  onReach(listener: () => void): () => void
  /** An envelope is in the log. */
  wake(): void
}

/** Refusals that are about circumstances: the same body may well be accepted when it runs again. */
const RERUN: ReadonlySet<string> = new Set([
  'conflict',
  'aborted',
  'missing-dependency',
  'clock-ahead',
  'writer-clash',
  'after-refused',
])

/**
 * Lets the relay decide about transactions that write `relay` refs.
 *
 * What such a transaction does is an envelope: a Change by a writer of its own, with what it expects of `relay` refs. It rests in the log
 * before it is sent, and counts when the relay's order names it. The local refs that it read are checked against this tab's memory when it is
 * prepared, not by the relay; what it writes to them merges as always.
 */
export function createRelayCommit(core: Core, side: RelayCommitSide): Arbitration {
  const { replica, writers, envelopes } = core
  const { memory } = replica
  const inFlight = createInFlight()
  /** The local refs that a developer was told of. */
  const told = new Set<CellKey>()

  async function assertReachable(ending: Ending): Promise<void> {
    for (;;) {
      if (core.gone !== undefined) throw core.gone
      if (replica.isUnadopted()) throw unadoptedError()
      const reachable = side.isReachable()
      if (reachable === true) return
      if (reachable === false) throw offlineError()
      await nextReach(ending)
    }
  }

  async function nextReach(ending: Ending): Promise<void> {
    let unsubscribe = (): void => undefined
    try {
      await ending.race(new Promise<void>((resolve) => (unsubscribe = side.onReach(resolve))))
    } finally {
      unsubscribe()
    }
  }

  async function reachable(): Promise<void> {
    const ending = createEnding(undefined, (end) => {
      const close = (): void => end(closedError())
      core.closing.add(close)
      return () => core.closing.delete(close)
    })
    try {
      while (side.isReachable() !== true || replica.isUnadopted()) await nextReach(ending)
    } finally {
      ending.stop()
    }
  }

  async function decide(proposal: Proposal): Promise<Decision> {
    const { attempt, ending, terms, context, isolation } = proposal
    await assertReachable(ending)
    const by = await side.pulse.beat()
    /** Looking at it again may add what invariants have read. */
    const depends = (): readonly Readable<unknown>[] =>
      isolation === 'serializable' ? [...attempt.reads(), ...attempt.ensured()] : attempt.ensured()
    const written = proposal.ready.writes.filter(({ commuted }) => commuted === undefined).map(({ ref }) => ref)
    for (let ahead = inFlight.ahead([...depends(), ...written]); ahead !== undefined;) {
      await ending.race(ahead)
      ahead = inFlight.ahead([...depends(), ...written])
    }
    const failure = core.gone ?? core.journal.failure()
    if (failure !== undefined) throw failure
    const checked = proposal.check()
    if (checked.kind !== 'ready') return { kind: 'moved', moved: checked.kind === 'rerun' ? checked.moved : checked.on }
    checkWrites(checked.writes)
    if (core.development) reportLocal([...attempt.reads(), ...attempt.ensured()])
    const { ops, effects } = side.committing.seal(checked, context, terms)
    if (ops.length + effects.length === 0) return { kind: 'committed', receipt: nothingChanged }

    const writer = randomId(core.chance)
    const { at } = replica.nextStamp(writers.current(), core.nowMs())
    const change = replica.author(writer, at, ops, effects, terms.meta)
    const expectations = expectationsOf(memory, {
      checked: depends(),
      writes: checked.writes,
      ops,
      next: { at: replica.basis().relaySeq + 1 + replica.shift(), writer },
    })
    const record = encodeChange(sharedPart(change), [], expectations)
    const commuted = checked.writes.flatMap(({ ref, commuted: by }) => (by === undefined ? [] : ref.key))
    const note = core.undoing.note(ops, terms.undo, memory, new Set(commuted))
    const land = inFlight.enter(ops.map((op) => cellKeyOf(op)))
    let { skewed } = checked
    /** What is not expected may move on the way, which shows at its place in the relay's order. */
    function watchSkew(): (before: View) => void {
      const { view } = memory
      return (before) => {
        const moved = attempt.reads().filter((one) => !isMerging(one) && readsOtherwise(one, view, before))
        skewed = [...new Set([...skewed, ...moved])]
      }
    }
    const onPlaced = core.development && isolation === 'snapshot' ? watchSkew() : undefined
    const outcome = await post({ change, record, by, note, ending, onPlaced }).finally(land)
    if (outcome.kind === 'accepted') {
      const receipt = { value: undefined, change, durable, synced: () => Promise.resolve() }
      return { kind: 'committed', receipt, skewed }
    }
    if (!RERUN.has(outcome.code)) throw notAccepted(outcome)
    const again = proposal.check()
    // What the relay has and we have not is on its way: then all that it depends on may have moved.
    const moved: readonly Readable<unknown>[] =
      again.kind === 'rerun' ? again.moved : [...attempt.reads(), ...checked.writes.map(({ ref }) => ref)]
    return { kind: 'moved', moved }
  }

  /** What the relay does not check may be otherwise for somebody else, whatever was found here. Each is said once. */
  function reportLocal(facts: readonly Readable<unknown>[]): void {
    const local = new Set(facts.flatMap((one) => (arbiterOf(one) === 'local' && !told.has(one.key) ? [one.key] : [])))
    if (local.size === 0) return
    for (const key of local) told.add(key)
    core.onError(
      new StoreError(
        'unchecked-facts',
        `A transaction that the relay decides about has read ${namesOf([...local])}, which the relay does not check: at another client it may be ` +
          'otherwise. Keep what such a transaction depends on in relay refs, or read it with tx.peek() if it does not matter.',
      ),
    )
  }

  /** Writes an envelope into the log, has it sent, and waits for what becomes of it. */
  async function post({ change, record, by, note, ending, onPlaced }: Posted): Promise<Outcome> {
    const { writer } = change
    const outcome = envelopes.wait(writer)
    let close = (): void => undefined
    const closed = new Promise<never>((_, reject) => (close = () => reject(undecidedError())))
    core.closing.add(close)
    try {
      const local = encodeLocal({ ...localPart(change), inverse: note?.data() ?? null })
      note?.ask(change)
      await Promise.race([prepared(writer, core.journal.write({ kind: 'prepared', by, record, local })), closed])
      replica.prepare({ change, by, isOurs: true, record: () => record, local: () => local, onPlaced })
      side.wake()
      // Who does not want it any more must still be told what became of it: the relay may have it.
      ending.race(new Promise<never>(() => undefined)).catch(() => side.posting.callOff(writer))
      return await Promise.race([outcome, closed])
    } finally {
      core.closing.delete(close)
      envelopes.forget(writer)
    }
  }

  /** Resolves when an envelope is in the log. One that is gone for good says nothing, and another tab that has read it before may send what it had. */
  async function prepared(writer: WriterId, written: Promise<void>): Promise<void> {
    let lose: (reason: StoreError) => void = () => undefined
    const lost = new Promise<never>((_, reject) => (lose = reject))
    core.losing.add(lose)
    try {
      await Promise.race([written, lost])
    } catch (error) {
      core.undoing.onDismissed(writer)
      throw perhapsStored(error)
    } finally {
      core.losing.delete(lose)
    }
  }

  async function durable(): Promise<void> {
    if (core.isClosed) throw closedError()
    if (!side.isLasting) {
      throw new StoreError('storage-failed', 'This store has no storage. What the relay has accepted is safe with it.')
    }
    // The place of the Change in the relay's order went to the log before this was told.
    await core.journal.settled()
  }

  return { decide, reachable }
}

/** An envelope, and what may end the transaction that it is of. */
interface Posted {
  readonly change: Change
  readonly record: Uint8Array
  readonly by: WriterId
  /** How to take it back. */
  readonly note: OwnNote | undefined
  readonly ending: Ending
  readonly onPlaced: ((before: View) => void) | undefined
}

function isMerging(readable: Readable<unknown>): boolean {
  return readable.kind === 'ref' && (readable as AnyRef).options.onConflict === 'merge'
}

function readsOtherwise(readable: Readable<unknown>, before: View, now: View): boolean {
  return !equalValues(before.snapshot.get(readable), now.snapshot.get(readable))
}

/** Throws for writes that a relay cannot decide about, whatever the compiler saw. */
function checkWrites(writes: readonly DraftWrite[]): void {
  for (const { ref, policy, commuted } of writes) {
    // A live document cannot take back what is refused.
    if ('late' in policy) {
      throw new StmError(
        'invalid-write',
        `"${ref.address}" is a live document, which cannot be written together with relay refs. Write it in a transaction of its own, after this one.`,
        { refs: [ref.key] },
      )
    }
    // What a function made of one value would be written over another.
    if (ref.arbiter === 'relay' && commuted?.some((op) => typeof op === 'function') === true) {
      throw new StmError(
        'invalid-write',
        `"${ref.address}" is a relay ref and was commuted by a function. Commute it by { add } or { insert }, or use tx.update().`,
        { refs: [ref.key] },
      )
    }
  }
}

function notAccepted({ code, message }: Outcome & { kind: 'refused' }): StoreError {
  return new StoreError(
    'refused',
    `The relay did not accept this transaction (${code}): ${message} Nothing has happened.`,
    {
      refusal: code,
    },
  )
}

function undecidedError(): StoreError {
  return new StoreError(
    'closed',
    'This store was closed before the relay had decided about a transaction. Open it again to see what became of it.',
  )
}
