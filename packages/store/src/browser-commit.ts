import { encodeChange, encodeLocal, type SingleEntry } from '@syncline/protocol'
import {
  arbiterOf,
  cellKeyOf,
  changeId,
  isLate,
  layered,
  StmError,
  type Cells,
  type Change,
  type DraftWrite,
  type Op,
  type Readable,
  type Ready,
  type View,
  type WriterId,
} from '@syncline/stm'
import type { Arbitration, Decision, Proposal } from './arbitration.ts'
import { nothingChanged, type Committing } from './committing.ts'
import type { Core } from './core.ts'
import { isPassing, perhapsStored, StoreError } from './errors.ts'
import { randomId } from './identity.ts'
import type { Offer } from './journal.ts'
import type { MixedWriter } from './mixed-writer.ts'
import { localPart, sharedPart } from './read-change.ts'
import type { Receipt } from './receipt.ts'
import type { TabTurns } from './tab-turns.ts'
import type { OwnNote } from './undoing.ts'

/** A transaction that waits for its turn to be committed. */
interface Candidate {
  readonly proposal: Proposal
  /** It is part of an entry that is on its way into the log: what becomes of it is not in our hands. */
  isInFlight: boolean
  /** Its newest run saw what others of its entry write: should the log not take this entry, it has seen what never was. */
  isSpeculative: boolean
  /** It was ended from outside while in flight. */
  ended: { readonly error: unknown } | undefined
  settle(decision: Decision): void
  fail(error: unknown): void
}

/** A candidate that commits with others; without a Change when there is nothing to write after all. */
interface Member {
  readonly candidate: Candidate
  readonly change: Change | undefined
  readonly record: Uint8Array
  readonly local: Uint8Array
  /** How to take it back. */
  readonly note: OwnNote | undefined
}

/** What goes into one entry of the log. */
interface Group {
  readonly members: readonly Member[]
  /** Those that have to run again by themselves once it is clear what the members have become. */
  readonly postponed: readonly { readonly candidate: Candidate; readonly moved: readonly Readable<unknown>[] }[]
  readonly offer: Offer | undefined
}

/** What a transaction becomes on a view. */
type Trial =
  | { readonly kind: 'ready'; readonly ready: Ready }
  | { readonly kind: 'moved'; readonly moved: readonly Readable<unknown>[] }

/** One entry holds no more transactions and bytes than these: everybody who opens the space reads it as a whole. */
const MOST_MEMBERS = 256
const MOST_BYTES = 1024 * 1024
/** The first loss is followed at once by the next try; the wait after the second is below this, and doubles up to the most. */
const LEAST_WAIT_MS = 1
const MOST_WAIT_MS = 32
/** How long to wait before a log that cannot be read is asked again what it holds. */
const ASK_AGAIN_MS = 1000

/**
 * Decides about transactions on `browser` refs: all tabs of this browser commit them in one order.
 *
 * What waits in this tab goes to the log as one entry, with a claim: the log takes it only if no other tab has appended such an entry since
 * this one has read it. So what was checked in memory holds when it is stored. Otherwise the tab reads what the other one did, checks
 * again, and runs again those bodies only that depend on it.
 */
export function createBrowserArbitration(
  core: Core,
  committing: Committing,
  mixed: MixedWriter,
  turns: TabTurns,
  onCommitted: () => void,
): Arbitration {
  const { replica, clock, chance } = core
  const { memory } = replica
  const waiting = new Set<Candidate>()
  let isDraining = false
  /** How often in a row another tab was first. */
  let losses = 0
  /** Who authors what only this browser has. */
  let privateWriter: WriterId | undefined

  function enqueue(proposal: Proposal): Promise<Decision> {
    return new Promise((resolve, reject) => {
      const candidate: Candidate = {
        proposal,
        isInFlight: false,
        isSpeculative: false,
        ended: undefined,
        settle: resolve,
        fail: reject,
      }
      waiting.add(candidate)
      proposal.ending.race(new Promise<never>(() => undefined)).catch((error: unknown) => {
        // What is in flight may be in the log already: nobody can say that it never happened.
        if (candidate.isInFlight) candidate.ended = { error }
        else if (waiting.delete(candidate)) reject(error)
      })
      void drain()
    })
  }

  async function drain(): Promise<void> {
    if (isDraining) return
    isDraining = true
    try {
      while (waiting.size > 0) if (await commitInTurn()) await pause()
    } finally {
      isDraining = false
    }
  }

  /** Tells whether another tab was first. */
  async function commitInTurn(): Promise<boolean> {
    const endTurn = await turns.take()
    try {
      if (endTurn === undefined) return await commitSome()
      // Those before this tab have committed. What cannot be read is told when the log refuses the entry.
      await core.journal.pull().catch(() => undefined)
      const isLost = await commitSome()
      // Some tab does not know of the turns yet; this one comes again without a wait.
      return isLost && (await commitSome())
    } finally {
      endTurn?.()
    }
  }

  async function commitSome(): Promise<boolean> {
    if (core.gone !== undefined) {
      for (const candidate of [...waiting]) drop(candidate, core.gone)
      return false
    }
    let group: Group | undefined
    const outcome = await core.journal.claim(() => (group = launch(gather())).offer)
    if (group === undefined) {
      // The log refuses to be written, or the store closes: it was never asked.
      for (const candidate of [...waiting]) drop(candidate, outcome.kind === 'failed' ? outcome.error : undefined)
      return false
    }
    const isStored = outcome.kind === 'stored' || outcome.kind === 'nothing' || (await hasArrived(group, outcome.kind))
    land(group)
    if (isStored) {
      losses = 0
      conclude(group)
    } else if (outcome.kind === 'failed') {
      for (const { candidate } of group.members) drop(candidate, outcome.error)
      release(group)
    } else {
      dropEnded(group)
      turns.lost()
      return true
    }
    return false
  }

  /** Reads on after a refusal or an error, and tells whether the entry is in the log all the same. */
  async function hasArrived(group: Group, outcome: 'claimed' | 'failed'): Promise<boolean> {
    for (;;) {
      try {
        await core.journal.pull()
        const first = group.members.find(({ change }) => change !== undefined)?.change
        return first !== undefined && replica.knows(first)
      } catch (error) {
        const reason = core.gone ?? error
        // After a refusal it is not there for sure, but the others that wait cannot go on either.
        if (outcome === 'claimed' || core.isClosed || core.gone !== undefined || isForGood(error)) {
          for (const candidate of [...waiting]) {
            drop(candidate, outcome === 'failed' && candidate.isInFlight ? perhapsStored(reason) : reason)
          }
          return false
        }
        await aWhile()
      }
    }
  }

  /** Resolves when the log may be asked again; at once when the store closes. */
  function aWhile(): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        cancel()
        core.closing.delete(end)
        resolve()
      }
      const cancel = clock.setTimer(ASK_AGAIN_MS, end)
      core.closing.add(end)
    })
  }

  /** The transactions that wait, in turn, each on what those before it will have written. */
  function gather(): Group {
    const members: Member[] = []
    const postponed: { candidate: Candidate; moved: readonly Readable<unknown>[] }[] = []
    const seqs = new Map<WriterId, number>()
    let view: View = memory.view
    let at = 0
    let bytes = 0
    let isStrict = false

    function admit(candidate: Candidate, ready: Ready): void {
      const { proposal } = candidate
      const sealed = committing.seal(ready, proposal.context, proposal.terms)
      const { effects } = sealed
      // As whoever reads it from the log has them: what is shared, and then what is not.
      const ops = [...sealed.ops.filter(isShareable), ...sealed.ops.filter((op) => !isShareable(op))]
      if (ops.length + effects.length === 0) {
        members.push({ candidate, change: undefined, record: noBytes, local: noBytes, note: undefined })
        return
      }
      const isShared = ops.some(isShareable) || ops.length === 0
      const writer = isShared ? mixed.current() : (privateWriter ??= randomId(chance))
      if (writer === undefined) {
        postponed.push({ candidate, moved: [] })
        return
      }
      at = Math.max(replica.nextBrowserStamp(writer, core.nowMs(), isShared).at, at + 1)
      const authored = replica.author(writer, at, ops, effects, proposal.terms.meta)
      const seq = (seqs.get(writer) ?? authored.seq - 1) + 1
      const change: Change = { ...authored, seq }
      const record = encodeChange(sharedPart(change))
      const before = view
      const cells: Cells = { state: (key) => before.state(key), policy: memory.policy }
      const note = core.undoing.note(ops, proposal.terms.undo, cells)
      const local = encodeLocal({ ...localPart(change), inverse: note?.data() ?? null })
      seqs.set(writer, seq)
      view = layered(view, ops, { at, writer }, memory.policy)
      bytes += record.length + local.length
      isStrict ||= proposal.terms.strict
      members.push({ candidate, change, record, local, note })
    }

    for (const candidate of waiting) {
      if (members.length >= MOST_MEMBERS || bytes >= MOST_BYTES) break
      try {
        const trial = tryOn(candidate, view)
        if (trial.kind === 'ready') admit(candidate, trial.ready)
        else postponed.push({ candidate, moved: trial.moved })
      } catch (error) {
        // On what may never come true it means nothing: the body runs again on what has.
        if (view === memory.view) drop(candidate, error)
        else postponed.push({ candidate, moved: dependenciesOf(candidate.proposal) })
      }
    }
    const changes = members.flatMap(({ change, record, local }) => (change === undefined ? [] : { record, local }))
    const entry: SingleEntry = { kind: 'commits', changes }
    return { members, postponed, offer: changes.length === 0 ? undefined : { entry, strict: isStrict } }
  }

  /** Checks a transaction on a view, and runs it again there when it does not fit. */
  function tryOn(candidate: Candidate, view: View): Trial {
    const { proposal } = candidate
    // Not everything that a run has seen is checked, so one that may have seen what never was is not asked.
    const checked = candidate.isSpeculative ? undefined : proposal.check(view)
    if (checked?.kind === 'ready') return { kind: 'ready', ready: checked }
    if (checked?.kind === 'blocked') return { kind: 'moved', moved: [] }
    const ready = proposal.again(view)
    if (ready === undefined) return { kind: 'moved', moved: checked?.moved ?? dependenciesOf(proposal) }
    candidate.isSpeculative = view !== memory.view
    refuseLate(ready.writes)
    return { kind: 'ready', ready }
  }

  function dependenciesOf({ attempt, ready }: Proposal): readonly Readable<unknown>[] {
    return [...attempt.reads(), ...attempt.ensured(), ...ready.writes.map(({ ref }) => ref)]
  }

  function launch(group: Group): Group {
    for (const { candidate } of group.members) candidate.isInFlight = true
    mixed.isInFlight = group.members.some(({ change }) => change?.writer === mixed.current())
    return group
  }

  function land(group: Group): void {
    for (const { candidate } of group.members) candidate.isInFlight = false
    mixed.isInFlight = false
  }

  /** The log has it: so does the memory. */
  function conclude(group: Group): void {
    replica.flushDocuments()
    for (const { candidate, change, record, note } of group.members) {
      waiting.delete(candidate)
      if (change === undefined) {
        candidate.settle({ kind: 'committed', receipt: nothingChanged })
        continue
      }
      const changed = replica.commit(change, 'local', {
        record,
        ...(note !== undefined && { inverse: () => note.data() }),
      })
      note?.keep(change, changed)
      if (!core.isLasting) for (const op of change.ops) if (!isShareable(op)) core.onlyHere.add(cellKeyOf(op))
      core.touchStatus()
      core.agents.deliver(change.effects)
      core.watching.publish(changed, memory.snapshot)
      core.undoing.tell()
      candidate.settle({ kind: 'committed', receipt: receiptOf(change) })
    }
    onCommitted()
    release(group)
  }

  function release({ postponed }: Group): void {
    for (const { candidate, moved } of postponed) {
      if (waiting.delete(candidate)) candidate.settle({ kind: 'moved', moved })
    }
  }

  /** What was ended while it was under way, and did not get there, is over. */
  function dropEnded({ members }: Group): void {
    for (const { candidate } of members) if (candidate.ended !== undefined) drop(candidate, candidate.ended.error)
  }

  function receiptOf(change: Change): Receipt<void> {
    const id = changeId(change)
    return {
      value: undefined,
      change,
      durable: () => core.durable(id),
      synced: (how) => committing.synced(id, how?.signal),
    }
  }

  function drop(candidate: Candidate, error: unknown): void {
    if (waiting.delete(candidate)) candidate.fail(candidate.ended === undefined ? error : candidate.ended.error)
  }

  function pause(): Promise<void> {
    losses += 1
    if (losses === 1) return Promise.resolve()
    const mostMs = Math.min(MOST_WAIT_MS, LEAST_WAIT_MS * 2 ** (losses - 2))
    return new Promise((resolve) => clock.setTimer(chance.fraction() * mostMs, resolve))
  }

  return {
    // What another tab has committed before is read before the body is run: so it is in what the body sees.
    begin: () => core.journal.pull(),
    async decide(proposal) {
      const { ready, attempt, context, terms, ending } = proposal
      refuseLate(ready.writes)
      const writes = ready.writes.map(({ ref }) => ref)
      const concerned = [...writes, ...attempt.reads(), ...attempt.ensured()].some(
        (one) => arbiterOf(one) === 'browser',
      )
      if (!concerned) return { kind: 'committed', receipt: committing.write(ready, context, terms) }
      if (writes.some(({ arbiter }) => arbiter !== 'browser') || writes.length === 0) await ending.race(mixed.prepare())
      return enqueue(proposal)
    },
  }
}

const noBytes = new Uint8Array()

/** Whether a log that cannot be read for this reason never will be by this store. A port may reject with anything while it is out of order. */
function isForGood(error: unknown): boolean {
  return error instanceof StoreError && !isPassing(error)
}

function isShareable({ arbiter }: Op): boolean {
  return arbiter !== 'browser'
}

/** A live document changes when its operation is made, and this one may never be. */
function refuseLate(writes: readonly DraftWrite[]): void {
  const late = writes.find(({ policy }) => isLate(policy))
  if (late === undefined) return
  throw new StmError(
    'invalid-write',
    `"${late.ref.address}" is a live document, which a transaction on browser refs cannot write: the browser may say no after the document ` +
      'has changed. Write it by transact() afterwards.',
    { refs: [late.ref.key] },
  )
}
