import { tick, witness } from '@syncline/merge'
import { isCovered, type Covered, type JoinEntry, type Ledger, type Named } from '@syncline/protocol'
import {
  cellKey,
  cellKeyOf,
  changeId,
  createRuledMemory,
  emptyBasis,
  type Basis,
  type BoundPolicy,
  type CellKey,
  type Change,
  type Changed,
  type ChangeId,
  type DistilledCell,
  type Effect,
  type Epoch,
  type LaterBasis,
  type Memory,
  type Op,
  type Origin,
  type Policy,
  type Rules,
  type Stamp,
  type Value,
  type View,
  type WriterId,
} from '@syncline/stm'
import { Applied } from './applied.ts'
import { countOf, idsOf, type Sleepers } from './asleep.ts'
import { allHere, type Away } from './away.ts'
import type { Caught, Held, TakenUp } from './held.ts'
import { joined, ownSeqsOf } from './joining.ts'
import { createKnownLog, OtherLogError } from './known-log.ts'
import { createOverlay, type Overlaid } from './overlay.ts'
import { clientsOf, noWriters, PendingChange, seenBy, type KnownOfChange, type Pending } from './pending.ts'
import { atOnce, BYTES_OF_A_CELL, type Pieces } from './pieces.ts'
import {
  asReauthored,
  isAdoption,
  localPart,
  sharedPart,
  withLocalPart,
  withoutBrowserOps,
  withoutRelayOps,
  type AdoptionChange,
} from './read-change.ts'
import type { RefusedChange } from './refused.ts'
import { createRefusals, type Refusal } from './refusals.ts'
import { rewordedBy, type Reworded, type Rewritten } from './renames.ts'
import { raise } from './seqs.ts'
import { decideSettlement, type Settlement } from './settlement.ts'
import { stampOf } from './stamps.ts'

/** A Change that the relay is to decide about: nothing of it counts before the relay's order names it. */
export interface Envelope {
  /** The first and only one of its writer. */
  readonly change: Change
  /** The bytes of what is shared of it, and of what it expects. */
  record(): Uint8Array
  /** The bytes of what never leaves the browser. */
  local(): Uint8Array
  /** The id by which others know whether the tab that made it lives. */
  readonly by: WriterId
  /** Whether this tab did. */
  readonly isOurs: boolean
  /** Called when the relay's order names it, with what is there before it. */
  onPlaced?(before: View): void
}

/** A Change that was authored again, with its bytes or with what these depend on. */
export interface AuthoredAgain extends Pick<KnownOfChange, 'record' | 'clients'> {
  readonly change: Change
}

/** A Change that is refused, with its bytes. */
export interface RefusedRecord {
  readonly change: RefusedChange
  readonly record: Uint8Array
}

/** Of what was joined: it is to be gone over to; this tab is past it; it has left that log already; or it has not all that is known here. */
export type Standing = 'news' | 'past' | 'left' | 'lacks some'

/** One Change of the relay's order: the Change, or the name of one that is here already. */
export type OrderedItem = Change | { readonly writer: WriterId; readonly seq: number }

/**
 * One replica of a space: what was acknowledged by the relay, and over it the pending Changes of this browser.
 *
 * Synchronous and deterministic: the same entries in the same order give the same replica. Each method that changes something
 * returns the cells that changed.
 */
export interface Replica {
  readonly memory: Memory
  basis(): Basis
  /** The basis without what only this browser knows: as others may hear of it. */
  sharedBasis(): Basis
  /** The epoch in which a relaySeq that is here stands. */
  epochAt(relaySeq: number): Epoch | null
  /** Changes of this browser that the relay has not stored, in an order that respects what each had seen. */
  readonly pending: ReadonlyMap<ChangeId, Pending>
  /** One of them that is not asleep. */
  awake(change: Change): Pending | undefined
  /**
   * Those of them that are asleep: they are counted in what is read, nothing lies under them, and what is behind their names is not here. Before they have risen nobody may
   * ask for it, and what the relay orders or refuses cannot be taken in.
   */
  asleep(): Sleepers
  /**
   * Those that are asleep are these. Where some are missing nothing that was counted stands, and the others are applied: as if the space were opened with what is
   * left of them.
   */
  rise(woken: readonly Pending[]): ReadonlySet<CellKey>
  /** Whether nothing has come yet. */
  isBlank(): boolean
  /** How many are pending, those included that are not kept because nobody can ever ask for them. */
  pendingCount(): number
  isPending(id: ChangeId): boolean
  /** Who waits for these waits for all that is pending. */
  pendingIds(): Iterable<ChangeId>
  readonly refused: ReadonlyMap<ChangeId, RefusedChange>
  /** Writers with a refused Change whose later Changes have not been sorted out yet. */
  readonly refusals: ReadonlyMap<WriterId, Refusal>
  /** The Changes that have become visible and that nobody was told of. */
  readonly applied: Applied

  /** What this browser has asked the relay to decide about, by the writers made for them, in the order of the log. */
  readonly envelopes: ReadonlyMap<WriterId, Envelope>

  /** The stamp that the next Change of `writer` would get. */
  nextStamp(writer: WriterId, nowMs: number): Stamp
  /** Whether a stamp that was the next one still is: nothing has been stamped since. */
  isNext(stamp: Stamp): boolean
  /** The stamp that the next Change on `browser` refs would get; `isShared` when it writes others too. */
  nextBrowserStamp(writer: WriterId, nowMs: number, isShared: boolean): Stamp
  /** Makes the next Change of a writer. Nothing is applied. */
  author(writer: WriterId, at: number, ops: readonly Op[], effects: readonly Effect[], meta: Value): Change
  /** Whether Changes of this browser are not here although later ones of the same writers are: what was stored of them is damaged. */
  isMissingSome(): boolean
  /** The first of a writer. */
  firstMissing(writer: WriterId): number | undefined
  /** The last Change of a writer of which all are here up to it. */
  lastWhole(writer: WriterId): number
  /** Whether a Change is known, from whomever. */
  knows(change: Pick<Change, 'writer' | 'seq'>): boolean
  /** Whether it has come as one of this browser, with what never leaves it. */
  isCommitted(change: Pick<Change, 'writer' | 'seq'>): boolean
  /**
   * Applies a Change of this browser. One that has come already changes nothing; of one that the relay has told of, what never left the browser is
   * applied. What it did to `browser` refs stands at once; the rest is
   * pending, if there is any.
   */
  commit(change: Change, origin: Origin, known?: KnownOfChange): Changed
  /** The same of what the log has had all the time, in pieces. Nobody may read or write anything before it is done. */
  replay(change: Change, known: KnownOfChange): Pieces<unknown>
  /**
   * Applies a stretch of the relay's log. What is before the basis already is skipped. A gap, or the name of a Change that is not here,
   * throws `RangeError`, and what is of another log than is here `OtherLogError`: nothing is applied. A replay need not know what changed, and is told nothing.
   */
  order(epoch: Epoch, first: number, items: readonly OrderedItem[], origin: Origin): Pieces<ReadonlySet<CellKey>>
  /** Notes what the relay is asked to decide about. What was decided already changes nothing. */
  prepare(envelope: Envelope): void
  /** Notes that the envelope of this writer was not accepted. */
  dismiss(writer: WriterId): void
  /** Whether an envelope of this writer was known, and not accepted. */
  isDismissed(writer: WriterId): boolean
  /** Notes that the relay refused a Change. */
  refuse(refusal: Refusal): void
  /** Whether it can be said now what the pending Changes of a refused writer would be if they were authored again. */
  canReauthor(refusal: Refusal): boolean
  /**
   * What to do about a refusal: which pending Changes are refused with it, and which are authored again by `fresh`. `drawClient` gives Yjs clients
   * that nobody has.
   */
  settlement(refusal: Refusal, fresh: WriterId, nowMs: number, mend: boolean, drawClient: () => number): Settlement
  /** Carries a settlement out. */
  end(
    writer: WriterId,
    lastSeq: number,
    refused: readonly RefusedRecord[],
    reauthored: readonly AuthoredAgain[],
  ): ReadonlySet<CellKey>
  /** Takes Changes off the refused list. */
  drop(ids: readonly ChangeId[]): void
  /**
   * All that is here, but for pending Changes that `isHere` does not name, and what their writers wrote later. Undefined when a policy cannot say its states, and while it
   * would count what `isHere` does not name.
   * Cost: of the call, what is pending and one look at each cell.
   */
  hold(isHere: (id: ChangeId) => boolean): Held | undefined
  /** Whether what is held now would count what is pending: nothing of the relay's is under it. */
  isCountable(): boolean
  /** Whether what a replica has held can be of the log that is here. */
  fits(ledger: Ledger): boolean
  /** Takes up what a replica has held, in place of all that is here but for what only this one has committed. A replay is not told what changed. */
  takeUp(taken: TakenUp, origin: Origin): Pieces<Caught>
  /**
   * Takes in what a replica of another log of this space has held and may be nowhere else, beside all that is here: what has come already changes nothing.
   * The relay's order is that of the one who has more of it.
   */
  join(taken: TakenUp, origin: Origin): Pieces<Caught>
  /**
   * Goes over to another log of the relay: the state there is at `relaySeq`, in `epoch`, is what was `taken`. It has all that the relay had acknowledged here. What is pending stays, but for what it has.
   */
  goOver(taken: TakenUp, epoch: Epoch, relaySeq: number, origin: Origin): Pieces<Caught>
  /** How what was joined to a log of the relay, and has so much, stands to what is here. */
  standing(entry: Pick<JoinEntry, 'epoch' | 'relaySeq' | 'known'>, covers: readonly Covered[]): Standing
  /** What is known of the relay's log. */
  knownLog(): JoinEntry['known']
  /** Whether what is here of `relay` refs waits to be adopted: it was joined to the relay's log, and counts there no more and not yet. */
  isUnadopted(): boolean
  /** How much above its place in the relay's order is stamped what the relay decides next. */
  shift(): number
  /** Whether all of an epoch up to here is in what was joined. */
  hasJoined(epoch: Epoch, relaySeq: number): boolean
  /** Forgets what the relay has ordered, so that it can be told again. What is pending stays, and what the relay has nothing to do with. */
  forgetOrder(): ReadonlySet<CellKey>
  /** A pending Change, from what is known of it. Nothing is changed. */
  pendingOf(whole: Change, known: KnownOfChange): Pending
  /** Lets bound policies hand over direct edits, before something else happens. */
  flushDocuments(): void
  closeDocuments(): void
  /** What the relay has ordered, and what needs no order, as it is now: what need be kept of it. Undefined when a policy cannot say its states. */
  acknowledged(): Iterable<DistilledCell> | undefined
  /** How many `browser` refs have been written: one at least, where a policy cannot tell. Cost: as that. */
  browserRefs(): number
  /** The cells that pending Changes touch. What is away is not among them. */
  readonly overlaid: Map<CellKey, Overlaid>
  /** The policies with live documents. */
  readonly bound: readonly BoundPolicy[]
}

const nothingMore: KnownOfChange = {}

/** What is still to be done of a Change that is replayed. */
interface Postponed {
  laid?: readonly Op[]
  applied?: { readonly change: Change; readonly next: Basis | LaterBasis }
}

/** So many operations are applied at once in a replay. */
const SLICE = 1024

function* slicesOf(ops: readonly Op[] = []): Iterable<readonly Op[]> {
  for (let i = 0; i < ops.length; i += SLICE) yield ops.slice(i, i + SLICE)
}

/** Seqs, both included. */
interface Skipped {
  readonly from: number
  readonly to: number
}

/**
 * Makes an empty replica. `bind` gives a policy its live documents; `onReauthored` is told what a Change has become; `rules` are what bodies
 * that nobody commits must keep to. With `isAlone` there is no log, no relay and no other tab: nothing can come that asks for what is pending,
 * so it is counted and not kept. `away` says what is not in the memory.
 */
export function createReplica(
  bind: (policy: Policy) => Policy,
  onReauthored: (from: Change, to: Change, reworded?: Reworded) => void,
  rules: Rules,
  away: () => Away,
  isAlone = false,
): Replica {
  /** The basis, but for the Changes of one writer that came since, up to a seq. One commit after the other makes no new one. */
  let settled: Basis = emptyBasis
  let since: { readonly writer: WriterId; readonly seq: number } | undefined
  /** What the next Change of a writer depends on: the same as for its last one, as long as nobody else has written. */
  let others: { readonly of: Basis; readonly writer: WriterId; readonly basis: Basis } | undefined
  /** The hybrid logical clock: the greatest `at` seen or given out. */
  let lastAt = 0
  /** The greatest `at` that the relay has stored: where the clock goes back to when our own was too far ahead. */
  let lastOrderedAt = 0
  /**
   * The greatest `at` of a Change on `browser` refs. They have a clock of their own: it goes on from what they hold whatever becomes of the
   * other, and does not drive the other ahead of the relay's.
   */
  let lastBrowserAt = 0
  /** Who wrote the last Change that only this browser has: with its seq it names a point in the order of all of them. */
  let browserWriter: WriterId = ''
  const seqs = new Map<WriterId, number>()
  /** Of writers of whom the relay has told: how far their Changes have come as this browser's, with what never leaves it. */
  const committed = new Map<WriterId, number>()
  /** Of writers of this browser the Changes that are not here although later ones are, ascending: what was stored of them is damaged. */
  const missing = new Map<WriterId, readonly Skipped[]>()
  /** Those that are not asleep. */
  /** Changes of this browser by their ids, in order, but for the `newest`. Read them by `pending()`. */
  let byId = new Map<ChangeId, Pending>()
  /** Those that were made last: to find the id of each takes longer than what else is done to keep it, and nobody asks before the task is over. */
  const newest: Pending[] = []
  let asleep: Sleepers = none
  /** Their ids, once somebody has asked. */
  let idsAsleep: ReadonlySet<ChangeId> | undefined
  /** Who has written what is not kept, and how much that is. */
  const unkept = new Set<WriterId>()
  let unkeptCount = 0
  const envelopes = new Map<WriterId, Envelope>()
  const dismissed = new Set<WriterId>()
  const log = createKnownLog()
  const bound: BoundPolicy[] = []
  const applied = new Applied()
  /** How much above its relaySeq is stamped what the relay decides, what of that waits to be adopted, and what its log had decided beside it. */
  let decided: Decided = nothingDecided
  /** What comes in now are parts of a settlement: live documents are made anew when it is whole. */
  let isEnding = false
  /** What a replay has still to do of the Change that it commits; undefined when none is at it. */
  let postponed: Postponed | undefined

  const memory = createRuledMemory((policy, waiting) => {
    const made = bind(policy)
    if (made !== policy) bound.push(made as BoundPolicy)
    overlay.learn(made, waiting)
    return made
  }, rules)
  const overlay = createOverlay(memory, pending, () => asleep.length > 0, basisNow, reset, away)
  const refusals = createRefusals((change, id) => knows(change) && !isPending(id), memory.policy)
  const { refused, ended, became, renames, clients: documents } = refusals

  /** What was asleep, or is counted, lies over the others. */
  function surface(woken: readonly Pending[]): void {
    byId = new Map([...woken.map((one) => [one.id, one] as const), ...pending()])
    sleep(none)
    overlay.surface(woken)
  }

  function sleep(names: Sleepers): void {
    asleep = names
    idsAsleep = undefined
  }

  function isAsleep(id: ChangeId): boolean {
    return asleep.length > 0 && (idsAsleep ??= new Set(idsOf(asleep))).has(id)
  }

  function rise(all: readonly Pending[]): ReadonlySet<CellKey> {
    const ids = new Set(idsOf(asleep))
    const woken = all.filter(({ id }) => ids.delete(id))
    if (ids.size === 0) {
      surface(woken)
      return nothing
    }
    for (const [writer, from, to] of asleep) {
      for (let seq = from; seq <= to; seq++) {
        if (ids.has(changeId({ writer, seq }))) miss(writer, seq, seq)
      }
    }
    basisNow()
    return applyAnew([...woken, ...pending().values()])
  }

  function basisNow(): Basis {
    if (since !== undefined) settle(plus(settled, since))
    return settled
  }

  function settle(next: Basis): void {
    settled = next
    since = undefined
  }

  function apply(change: Change, origin: Origin, next: Basis | LaterBasis): Changed {
    if (postponed !== undefined) {
      postponed.applied = { change, next }
      return nothing
    }
    const ops = away().present(change.ops)
    const changed = memory.apply(ops, stampOf(change), next)
    if (origin !== 'replay') applied.add(change, origin === 'local')
    settleDocuments(ops, origin)
    return changed
  }

  function settleDocuments(ops: readonly Op[], origin: Origin): void {
    if (bound.length === 0 || isEnding) return
    for (const op of ops) bound.find(({ tag }) => tag === op.tag)?.settle(op.address, op.payload, origin)
  }

  /** The operations of a pending Change come to lie over what they touch. */
  function lay(ops: readonly Op[]): void {
    if (postponed === undefined) overlay.lay(ops)
    else postponed.laid = ops
  }

  /** Does what lays and applies a Change. In a replay nobody looks before all is done, so a large one is done in pieces; and what changed is not told. */
  function* through({ ops }: Change, origin: Origin, act: () => ReadonlySet<CellKey>): Pieces<ReadonlySet<CellKey>> {
    // Most Changes are small, and a log has many.
    if (origin !== 'replay' || ops.length <= SLICE) {
      const changed = act()
      yield ops.length * BYTES_OF_A_CELL
      return origin === 'replay' ? nothing : changed
    }
    const rest: Postponed = (postponed = {})
    try {
      act()
    } finally {
      postponed = undefined
    }
    for (const slice of slicesOf(rest.laid)) {
      overlay.lay(slice)
      yield slice.length * BYTES_OF_A_CELL
    }
    if (rest.applied !== undefined) {
      const { change, next } = rest.applied
      const present = away().present(change.ops)
      for (const slice of slicesOf(present)) {
        memory.apply(slice, stampOf(change), next)
        yield slice.length * BYTES_OF_A_CELL
      }
      settleDocuments(present, 'replay')
    }
    return nothing
  }

  function commit(change: Change, origin: Origin, known: KnownOfChange = nothingMore): Changed {
    const { writer, seq } = change
    const last = lastOf(writer)
    const isLate = isMissing(change)
    const isKnown = seq <= last && !isLate
    if (isKnown && isCommitted(change)) return nothing
    if (committed.has(writer)) committed.set(writer, Math.max(seq, isLate ? last : 0))
    if (isKnown) return commitLate(change, origin)
    if (isLate) find(change)
    else seqs.set(writer, seq)
    const rest = withoutBrowserOps(change)
    if (seq > last + 1 && rest.ops.length > 0) miss(writer, last + 1, seq - 1)
    if (rest !== change) {
      lastBrowserAt = witness(lastBrowserAt, change.at)
      if (rest.ops.length === 0) return applyPrivate(change, origin)
    }
    lastAt = witness(lastAt, change.at)
    if (isAlone) {
      if (since?.writer !== writer) unkept.add(writer)
      unkeptCount += 1
    } else keep(change, new PendingChange(rest, change, known, documents.in))
    if (since !== undefined && since.writer !== writer) basisNow()
    if (isLate) {
      putInOrder(change)
      return apply(change, origin, basisNow())
    }
    const under = settled
    const own = (since = { writer, seq })
    return apply(change, origin, () => plus(under, own))
  }

  function miss(writer: WriterId, from: number, to: number): void {
    missing.set(writer, [...(missing.get(writer) ?? []), { from, to }])
  }

  /** The last seq that has come of a writer. */
  function lastOf(writer: WriterId): number {
    return seqs.get(writer) ?? 0
  }

  function isCommitted(change: Pick<Change, 'writer' | 'seq'>): boolean {
    return change.seq <= (committed.get(change.writer) ?? lastOf(change.writer)) && !isMissing(change)
  }

  /** The relay has told of a Change before the log did: what it did to `browser` refs comes now. */
  function commitLate(change: Change, origin: Origin): Changed {
    const ops = change.ops.filter(({ arbiter }) => arbiter === 'browser')
    if (ops.length === 0) return nothing
    lastBrowserAt = witness(lastBrowserAt, change.at)
    return apply({ ...change, ops }, origin, basisNow())
  }

  function lastWhole(writer: WriterId): number {
    return (missing.get(writer)?.[0]?.from ?? lastOf(writer) + 1) - 1
  }

  function isMissing({ writer, seq }: Pick<Change, 'writer' | 'seq'>): boolean {
    return missing.size > 0 && missing.get(writer)?.some(({ from, to }) => from <= seq && seq <= to) === true
  }

  /** What was missing is here. */
  function find({ writer, seq }: Pick<Change, 'writer' | 'seq'>): void {
    const parts = missing.get(writer)?.flatMap(({ from, to }) =>
      seq < from || seq > to
        ? [{ from, to }]
        : [
            { from, to: seq - 1 },
            { from: seq + 1, to },
          ],
    )
    keepMissing(writer, parts)
  }

  function keepMissing(writer: WriterId, skipped: readonly Skipped[] | undefined): void {
    const left = skipped?.filter(({ from, to }) => from <= to) ?? []
    if (left.length > 0) missing.set(writer, left)
    else missing.delete(writer)
  }

  /** These were missing, and are, but for what has come of their writers up to a seq. */
  function missAgain(
    all: readonly (readonly [WriterId, readonly Skipped[]])[],
    upTo: ReadonlyMap<WriterId, number>,
  ): void {
    for (const [writer, skipped] of all) {
      const first = (upTo.get(writer) ?? 0) + 1
      keepMissing(
        writer,
        skipped.map(({ from, to }) => ({ from: Math.max(first, from), to })),
      )
    }
  }

  /** What has come late is sent before what its writer has written on top of it. */
  function putInOrder({ writer, seq }: Change): void {
    const own = pending().get(changeId({ writer, seq }))!
    const all = [...pending().values()].filter((one) => one !== own)
    const at = all.findIndex(({ change }) => change.writer === writer && change.seq > seq)
    if (at === -1) return
    for (const one of all.slice(at)) {
      pending().delete(one.id)
      newest.push(one)
    }
  }

  function keep(change: Change, one: Pending): void {
    newest.push(one)
    if (ended.has(change.writer)) refusals.refuseLate(one.change)
    lay(one.change.ops)
  }

  /** A Change that has nothing for others is not pending: it is where it belongs. */
  function applyPrivate(change: Change, origin: Origin): Changed {
    const writers = new Map(basisNow().writers)
    writers.delete(browserWriter)
    browserWriter = change.writer
    settle({ ...settled, writers: writers.set(change.writer, change.seq) })
    return apply(change, origin, settled)
  }

  /** How what is kept with a pending Change is said now; undefined when nothing in it has another name. */
  function rewordedFor({ change, saw }: Pending): Reworded | undefined {
    let found: Map<CellKey, readonly Rewritten[]> | undefined
    for (const op of change.ops) {
      const key = cellKeyOf(op)
      const seen = renames.seenIn(key, (writer) => (writer === change.writer ? change.seq : (saw.get(writer) ?? 0)))
      if (seen.length > 0) (found ??= new Map()).set(key, seen)
    }
    return found && rewordedBy(found, memory.policy)
  }

  function canReauthor({ writer, seq, code }: Refusal): boolean {
    for (const one of pending().values()) {
      const { change, saw } = one
      if (change.writer !== writer || change.seq < seq) continue
      for (const op of change.ops) {
        if (!(op.payload instanceof Uint8Array) || memory.policy(op.tag) !== undefined) continue
        if (code === 'writer-clash' && one.clients().size > 0) return false
        if (renames.seenIn(cellKeyOf(op), (other) => saw.get(other) ?? 0).length > 0) return false
      }
    }
    return true
  }

  function* order(
    epoch: Epoch,
    first: number,
    items: readonly OrderedItem[],
    origin: Origin,
  ): Pieces<ReadonlySet<CellKey>> {
    const { relaySeq: known } = settled
    log.check(epoch, first, first + items.length - 1, known)
    if (first > known + 1) {
      throw new RangeError(`The relay's log goes on at ${first}, behind ${known}.`)
    }
    for (let i = Math.max(0, known + 1 - first); i < items.length; i++) {
      const item = items[i]!
      if ('ops' in item || pending().has(changeId(item)) || envelopes.has(item.writer)) continue
      throw new RangeError(`Change ${changeId(item)} of the relay's log is not here.`)
    }
    const changed = new Set<CellKey>()
    for (const [i, named] of items.entries()) {
      const relaySeq = first + i
      if (relaySeq <= settled.relaySeq) continue
      const { writer, seq } = named
      // What this browser has asked for has effects that the relay does not know.
      const envelope = envelopes.get(writer)
      const item = envelope?.change ?? named
      envelopes.delete(writer)
      envelope?.onPlaced?.(memory.view)
      const writers = new Map(basisNow().writers)
      if ((writers.get(writer) ?? 0) <= seq) writers.delete(writer)
      const next: Basis = { epoch, relaySeq, writers }
      settle(next)
      log.add(epoch, relaySeq)
      const id = changeId(item)
      refusals.stand(named)
      const own = pending().get(id)
      if (own !== undefined) {
        const { change } = own
        lastOrderedAt = witness(lastOrderedAt, change.at)
        overlay.acknowledge(change)
        away().ordered(relaySeq, change)
        pending().delete(id)
        memory.put(noStates, next)
        memory.place(change.ops)
        for (const key of overlay.setRight(change, true)) changed.add(key)
        continue
      }
      if (!('ops' in item)) continue
      if (isMissing(item)) find(item)
      lastOrderedAt = witness(lastOrderedAt, item.at)
      lastAt = witness(lastAt, item.at)
      const before = lastOf(writer)
      if (!committed.has(writer)) committed.set(writer, before)
      seqs.set(writer, Math.max(before, seq))
      if (isAdoption(item)) {
        for (const key of adopt(item, next)) changed.add(key)
        continue
      }
      // Whoever sends them, nobody outside writes what is this browser's own; and what is not adopted stays as it is.
      const shared = withoutBrowserOps(item)
      const theirs = isUnadopted() ? withoutRelayOps(shared) : shared
      overlay.underlay(theirs)
      away().ordered(relaySeq, theirs)
      const keys = yield* through(theirs, origin, () =>
        apply(theirs, envelope?.isOurs === true ? 'local' : origin, next),
      )
      for (const key of keys) changed.add(key)
      for (const key of overlay.setRight(theirs, false)) changed.add(key)
    }
    return changed
  }

  function adopt({ adopts }: AdoptionChange, next: Basis): ReadonlySet<CellKey> {
    // It may be of another loss, and from before what waits was brought back.
    if (!decided[1].every((one) => isCovered(adopts.covers, one))) return nothing
    setDecided([adopts.shift, none, none])
    return memory.restore(adopts.cells, next, 'relay')
  }

  function setDecided(next: Decided): void {
    decided = next
    memory.shift(next[0])
  }

  function isUnadopted(): boolean {
    return decided[1].length > 0
  }

  /** A basis as others may hear of it, without one of its writers. */
  function basisWithout(writer: WriterId, basis: Basis): Basis {
    const writers = new Map(basis.writers)
    for (const one of [writer, browserWriter]) writers.delete(one)
    return { ...basis, writers: writers.size === 0 ? noWriters : writers }
  }

  function depsOf(writer: WriterId): Basis {
    if (since !== undefined && since.writer !== writer) basisNow()
    // What came since then is of this writer, so it is not in there.
    if (others?.of !== settled || others.writer !== writer) {
      others = { of: settled, writer, basis: basisWithout(writer, settled) }
    }
    return others.basis
  }

  function end(
    writer: WriterId,
    lastSeq: number,
    refusedNow: readonly RefusedRecord[],
    reauthored: readonly AuthoredAgain[],
  ): ReadonlySet<CellKey> {
    // It is known already: whoever has written it may read it.
    if (!refusals.end(writer, lastSeq)) return nothing
    keepMissing(
      writer,
      missing.get(writer)?.map(({ from, to }) => ({ from, to: Math.min(to, lastSeq) })),
    )
    let upTo = lastSeq
    for (const { change, record } of refusedNow) {
      if (!refusals.add(change)) continue
      if (change.change.writer === writer) upTo = Math.max(upTo, change.change.seq)
      documents.refuse(clientsOf(record))
    }
    const survivors: Pending[] = []
    const gone: Change[] = []
    let late: Change | undefined
    let latest = 0
    for (const [id, one] of pending()) {
      const { change } = one
      if (change.writer !== writer) continue
      const isSettled = change.seq > lastSeq && (refused.has(id) || survivors.length < reauthored.length)
      if (!isSettled) {
        // Whoever has settled the others did not know of it.
        if (change.seq > lastSeq) late ??= change
        latest = change.seq
        continue
      }
      upTo = Math.max(upTo, change.seq)
      pending().delete(id)
      if (!refused.has(id)) survivors.push(one)
      gone.push(change)
    }
    refusals.settle(writer, upTo)
    if (late !== undefined) refusals.refuseLate(late)
    const affected = overlay.lift(gone)
    memory.forget(
      (stamp, { arbiter }) =>
        // What it did to browser refs stands.
        arbiter !== 'browser' && gone.some((other) => other.writer === stamp.writer && other.at === stamp.at),
    )
    const writers = new Map(basisNow().writers)
    if (latest > 0) writers.set(writer, latest)
    else writers.delete(writer)
    settle({ ...settled, writers })
    lastAt = lastOrderedAt
    for (const { change } of pending().values()) lastAt = witness(lastAt, change.at)
    const changed = new Set(overlay.rebuild(affected))
    isEnding = true
    reauthored.forEach(({ change, record, clients }, i) => {
      // They were authored in the order of the old ones, so each is what the one in the same place has become.
      const from = survivors[i]
      const saw = new Map(seenBy(change))
      for (const [other, seq] of from?.saw ?? noWriters) raise(saw, other, seq)
      if (from !== undefined) {
        refusals.become([...named(from.change), ...named(change)])
        documents.note(from.clients())
        from.change.ops.forEach((op, at) => {
          const to = change.ops[at]
          if (to !== undefined) renames.note(from.change, op, to)
        })
        onReauthored(from.change, change, rewordedFor(from))
      }
      // What is authored again comes from a record, which has the shared part only.
      const whole = from === undefined ? change : withLocalPart(sharedPart(change), localPart(from.change))
      const known: KnownOfChange = { saw, inverse: from?.inverse, record, clients }
      for (const key of commit(whole, 'replay', known)) changed.add(key)
    })
    isEnding = false
    reset(affected)
    return changed
  }

  function hold(isHere: (id: ChangeId) => boolean): Held | undefined {
    if (isAlone || missing.size > 0) return undefined
    if (!isCountable()) return heldNow(isHere)
    const awake = [...pending().values()]
    // What is counted must be in the log.
    if (!awake.every(({ id }) => isHere(id))) return undefined
    const cells = memory.distilled({ inPlaceOf: noStates, counts: () => true })
    if (cells === undefined) return undefined
    const counted = new Map<WriterId, number>()
    for (const [writer, , to] of asleep) raise(counted, writer, to)
    for (const { change } of awake) raise(counted, change.writer, change.seq)
    return heldBy(cells, asleep, awake, seqs, [...counted])
  }

  function pending(): Map<ChangeId, Pending> {
    for (const one of newest.splice(0)) byId.set(one.id, one)
    return byId
  }

  function pendingCount(): number {
    return pending().size + countOf(asleep) + unkeptCount
  }

  function isPending(id: ChangeId): boolean {
    return pending().has(id) || isAsleep(id) || (unkeptCount > 0 && unkept.has(id.slice(0, id.indexOf(':'))))
  }

  function isCountable(): boolean {
    return settled.relaySeq === 0 && away() === allHere && pendingCount() > 0
  }

  function heldNow(isHere: (id: ChangeId) => boolean): Held | undefined {
    const cells = overlay.acknowledged()
    if (cells === undefined) return undefined
    const last = new Map(seqs)
    for (const [id, { change }] of pending()) {
      const { writer, seq } = change
      // What the log has not yet comes when it has: with all that its writer wrote later.
      if (!isHere(id)) last.set(writer, Math.min(last.get(writer)!, seq - 1))
    }
    const stays = [...pending().values()].filter(({ change }) => change.seq <= last.get(change.writer)!)
    return heldBy(cells, none, stays, last)
  }

  function heldBy(
    cells: Held['cells'],
    sleepers: Held['asleep'],
    awake: Held['pending'],
    last: ReadonlyMap<WriterId, number>,
    counted?: Ledger['counted'],
  ): Held {
    return {
      cells,
      asleep: sleepers,
      pending: awake,
      refused: [...refused.values()],
      envelopes: [...envelopes.values()],
      ledger: {
        relaySeq: settled.relaySeq,
        ...log.known(),
        seqs: Array.from(last, ([writer, seq]) => [writer, seq, committed.get(writer) ?? -1]),
        clocks: [lastAt, lastOrderedAt, lastBrowserAt],
        browserWriter,
        dismissed: [...dismissed],
        ...refusals.known(),
        ...(counted !== undefined && { counted }),
        ...(decided !== nothingDecided && { decided }),
      },
    }
  }

  function* takeUp({ cells, ledger, ...there }: TakenUp, origin: Origin): Pieces<Caught> {
    // What is asleep is from the log, so it is there what it has become.
    const sleepers = [...idsOf(asleep)]
    const before = new Map(pending())
    const known = new Map(seqs)
    const own = new Map(Array.from(seqs, ([writer, seq]) => [writer, committed.get(writer) ?? seq]))
    // Another tab may have gone over to another log, which has all of this one.
    if (log.isIn(ledger.joined, settled.relaySeq)) forgetLog(ledger.joined ?? none)
    // The tab that runs the link may know more of the order than anybody has stored.
    const isAhead = settled.relaySeq > ledger.relaySeq
    // Who writes browser refs has read all that was written there before, so each is later than those.
    const isNewerHere = lastBrowserAt > ledger.clocks[2]
    const isKept = ({ arbiter }: DistilledCell): boolean => (arbiter === 'browser' ? isNewerHere : isAhead)
    const kept = isAhead || isNewerHere ? [...(overlay.acknowledged() ?? none)].filter(isKept) : none
    // Where they lie there already there was nothing before, so nothing is kept.
    const base = cells && [...cells.filter((cell) => !isKept(cell)), ...kept]
    const askedHere = [...envelopes.values()]
    const isSettledHere = refusals.newsTo(ledger)
    for (const map of [seqs, committed, missing, pending(), envelopes]) map.clear()
    for (const [writer, seq] of ledger.seqs) seqs.set(writer, seq)
    const [at, orderedAt, browserAt] = ledger.clocks
    lastAt = witness(lastAt, at)
    lastOrderedAt = witness(lastOrderedAt, orderedAt)
    lastBrowserAt = witness(lastBrowserAt, browserAt)
    if (!isNewerHere) browserWriter = ledger.browserWriter
    for (const writer of ledger.dismissed) dismissed.add(writer)
    const isOver = (change: Change): boolean =>
      isSettledHere(change) || (isAhead && change.seq <= (known.get(change.writer) ?? 0))
    const theirs = there.pending.filter(({ id, change }) => {
      return !isSettledHere(change) && (before.has(id) || !isOver(change))
    })
    refusals.restore(ledger, there.refused)
    for (const one of there.envelopes) if (!isOver(one.change)) envelopes.set(one.change.writer, one)
    for (const one of askedHere) {
      // Ours are waited for.
      prepare(one)
    }
    const writers = new Map<WriterId, number>()
    for (const { change } of theirs) raise(writers, change.writer, change.seq)
    if (browserWriter !== '') {
      writers.set(browserWriter, Math.max(lastOf(browserWriter), known.get(browserWriter) ?? 0))
    }
    if (!isAhead) {
      log.restore(ledger)
      setDecided(ledger.decided ?? nothingDecided)
    }
    const relaySeq = Math.max(settled.relaySeq, ledger.relaySeq)
    const { counted } = there
    if (counted !== undefined) for (const [writer, seq] of ledger.counted ?? none) raise(writers, writer, seq)
    settle({ epoch: log.epochAt(relaySeq), relaySeq, writers })
    const changed = yield* rebase(base, theirs, origin)
    if (counted !== undefined && counted.length > 0) surface(counted)
    sleep(there.asleep ?? none)
    isEnding = true
    for (const [id, one] of before) {
      const { writer, seq } = one.change
      if (pending().has(id) || knows(one.change)) continue
      // What is between them is no gap: the relay has it, or the log, where it is still to be read.
      raise(seqs, writer, seq - 1)
      const more = { record: one.record(), inverse: one.inverse, saw: one.saw }
      for (const key of commit(one.change, 'replay', more)) changed.add(key)
    }
    isEnding = false
    for (const [writer, seq] of ownSeqsOf(ledger)) own.set(writer, Math.max(own.get(writer) ?? 0, seq))
    for (const [writer, seq] of known) raise(seqs, writer, seq)
    for (const [writer, seq] of seqs) if ((own.get(writer) ?? seq) < seq) committed.set(writer, own.get(writer)!)
    refusals.lookAgain()
    // In a replay there is no live document yet.
    if (origin !== 'replay') reset(changed)
    const ordered = [...sleepers, ...before.keys()].filter(
      (id) => !pending().has(id) && !refused.has(id) && !became.has(id),
    )
    return { changed, ordered }
  }

  function prepare(envelope: Envelope): void {
    const { writer } = envelope.change
    if (!seqs.has(writer) && !dismissed.has(writer)) envelopes.set(writer, envelope)
  }

  function isDismissed(writer: WriterId): boolean {
    return dismissed.has(writer)
  }

  const side = { knows, isDismissed, lastWhole }

  function* join(theirs: TakenUp, origin: Origin): Pieces<Caught> {
    const { ledger } = theirs
    const mine = heldNow(() => true)
    // No policy is so, or there would be no checkpoint.
    if (mine === undefined) return { changed: nothing, ordered: [] }
    const all = joined(mine, theirs, side, log.fits(ledger, settled.relaySeq))
    const news = ledger.became.filter(([writer, seq]) => !became.has(changeId({ writer, seq })))
    const skipped = [...missing]
    const late = all.pending.filter(
      ({ change }) => !knows(change) && change.seq > (ended.get(change.writer) ?? Infinity),
    )
    const caught = yield* takeUp(all, origin)
    // What is neither pending there nor here is in what has come, or the relay tells it.
    missAgain(skipped, ownSeqsOf(ledger))
    for (const { change } of late) refusals.refuseLate(change)
    for (const pair of news) onReauthored(...asReauthored(pair))
    return caught
  }

  function forgetLog(joinedThere: readonly Covered[]): void {
    log.leave(joinedThere)
    beginOrder()
  }

  function beginOrder(): void {
    away().onOrderForgotten()
    settle({ ...emptyBasis, writers: basisNow().writers })
  }

  function* goOver(theirs: TakenUp, epoch: Epoch, relaySeq: number, origin: Origin): Pieces<Caught> {
    const mine = heldNow(() => true)
    if (mine === undefined) {
      const message =
        'The relay had lost what is here. A policy of this app cannot say its states, so it cannot go over to what was brought back. Nothing of yours is lost.'
      throw new OtherLogError(relaySeq, message)
    }
    const seen = new Map(theirs.ledger.seqs.map(([writer, seq]) => [writer, seq]))
    const skipped = [...missing]
    forgetLog(theirs.ledger.joined ?? none)
    const ledger = { ...theirs.ledger, relaySeq, stretches: [[epoch, relaySeq]] as const }
    const all = joined(mine, { ...theirs, ledger }, side, 'instead')
    const caught = yield* takeUp(all, origin)
    // What the relay had refused after it had lost it stands now.
    refusals.standUpTo(seen)
    missAgain(skipped, seen)
    return caught
  }

  /** Begins anew from these cells, or those that lie there, with these Changes over them. */
  function* rebase(
    cells: Iterable<DistilledCell> | undefined,
    over: Iterable<Pending>,
    origin: Origin,
  ): Pieces<Set<CellKey>> {
    const all = [...over]
    pending().clear()
    sleep(none)
    overlay.cells.clear()
    const restored = cells === undefined ? memory.put(noStates, settled) : memory.restore(cells, settled)
    const changed = new Set<CellKey>(origin === 'replay' ? none : restored)
    isEnding = true
    for (const one of all) {
      const { change } = one
      newest.push(one)
      const keys = yield* through(change, origin, () => {
        lay(change.ops)
        return apply(change, 'replay', settled)
      })
      for (const key of keys) changed.add(key)
    }
    isEnding = false
    return changed
  }

  function forgetOrder(): ReadonlySet<CellKey> {
    log.restore({ stretches: [], foreign: [] })
    setDecided(nothingDecided)
    beginOrder()
    return applyAnew(pending().values())
  }

  /** What was done to refs of this browser only, which no relay orders. */
  function ownCells(): readonly DistilledCell[] {
    return [...(overlay.acknowledged() ?? none)].filter(({ arbiter }) => arbiter === 'browser')
  }

  /** Of all else nothing is left but these Changes. */
  function applyAnew(over: Iterable<Pending>): ReadonlySet<CellKey> {
    const changed = atOnce(rebase(ownCells(), over, 'remote'))
    reset(changed)
    return changed
  }

  /** A pending Change, made of its bytes. */
  function pendingOf(whole: Change, known: KnownOfChange): Pending {
    return new PendingChange(withoutBrowserOps(whole), whole, known, documents.in)
  }

  function knows(change: Pick<Change, 'writer' | 'seq'>): boolean {
    return change.seq <= lastOf(change.writer) && !isMissing(change)
  }

  /** Live documents are made anew. */
  function reset(keys: ReadonlySet<CellKey>): void {
    for (const policy of bound) {
      const prefix = cellKey(policy.tag, '')
      for (const key of keys) if (key.startsWith(prefix)) policy.reset(key.slice(prefix.length), memory.state(key))
    }
  }

  return {
    memory,
    basis: basisNow,
    sharedBasis: () => basisWithout('', basisNow()),
    epochAt: log.epochAt,
    get pending() {
      // To go on without those that sleep would lose them.
      if (asleep.length > 0) throw new Error('Pending Changes are asleep.')
      return pending()
    },
    awake(change) {
      const last = newest.at(-1)
      return last?.change === change ? last : pending().get(changeId(change))
    },
    asleep: () => asleep,
    rise,
    isBlank: () => seqs.size === 0 && settled.relaySeq === 0,
    pendingCount,
    isPending,
    pendingIds: () => [
      ...idsOf(asleep),
      ...pending().keys(),
      ...Array.from(unkept, (writer) => changeId({ writer, seq: seqs.get(writer)! })),
    ],
    refused,
    refusals: refusals.unsettled,
    applied,
    envelopes,
    nextStamp: (writer, nowMs) => ({ at: tick(lastAt, nowMs), writer }),
    isNext: ({ at }) => at > lastAt,
    nextBrowserStamp: (writer, nowMs, isShared) => ({
      at: tick(isShared ? Math.max(lastAt, lastBrowserAt) : lastBrowserAt, nowMs),
      writer,
    }),
    isMissingSome: () => missing.size > 0,
    firstMissing: (writer) => missing.get(writer)?.[0]?.from,
    lastWhole,
    knows,
    isCommitted,
    author: (writer, at, ops, effects, meta) => ({
      writer,
      seq: lastOf(writer) + 1,
      deps: depsOf(writer),
      at,
      ops,
      effects,
      meta,
    }),
    commit,
    replay: (change, known) => through(change, 'replay', () => commit(change, 'replay', known)),
    order,
    prepare,
    dismiss(writer) {
      if (envelopes.delete(writer)) dismissed.add(writer)
    },
    isDismissed,
    refuse: refusals.refuse,
    canReauthor,
    settlement(refusal, fresh, nowMs, mend, drawClient) {
      const freshSeq = lastOf(fresh)
      const { policy } = memory
      const known = { ...refusals, log, policy, pending: pending(), lastOrderedAt, freshSeq, drawClient }
      return decideSettlement(known, refusal, fresh, nowMs, mend)
    },
    end,
    drop: refusals.drop,
    hold,
    isCountable,
    fits: (ledger) => log.fits(ledger, settled.relaySeq),
    takeUp,
    join,
    goOver,
    hasJoined: log.hasJoined,
    isUnadopted,
    shift: () => decided[0],
    standing({ epoch, relaySeq, known }, covers) {
      const basis = basisNow()
      // Also what was joined in this run of the relay before the join with which what is known begins.
      const isOfThisLog = basis.epoch === epoch || log.epochAt(relaySeq) === epoch
      if (isOfThisLog && basis.relaySeq >= relaySeq) return 'past'
      if (log.hasLeft(epoch)) return 'left'
      // What was written since the relay has come back is in its log.
      if (basis.relaySeq === 0 || basis.epoch === epoch) return 'news'
      return log.isIn(covers, basis.relaySeq) || log.isWithin(known, basis.relaySeq) ? 'news' : 'lacks some'
    },
    knownLog: () => ({
      relaySeq: settled.relaySeq,
      stretches: log.stretches(),
    }),
    forgetOrder,
    pendingOf,
    flushDocuments() {
      for (const policy of bound) policy.flush()
    },
    closeDocuments() {
      for (const policy of bound) policy.close()
    },
    acknowledged: overlay.acknowledged,
    browserRefs: () => (lastBrowserAt === 0 ? 0 : Math.max(1, ownCells().length)),
    overlaid: overlay.cells,
    bound,
  }
}

function named({ writer, seq, at }: Change): Named {
  return [writer, seq, at]
}

type Decided = NonNullable<Ledger['decided']>

const nothingDecided: Decided = [0, [], []]

const none: readonly never[] = []

/** A basis after one more Change of a writer. */
function plus(basis: Basis, { writer, seq }: { readonly writer: WriterId; readonly seq: number }): Basis {
  return { ...basis, writers: new Map(basis.writers).set(writer, seq) }
}

const nothing: Changed = Object.assign(new Set<CellKey>(), { befores: [] })
const noStates: ReadonlyMap<CellKey, unknown> = new Map()
