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
  type UnreadOp,
  type Value,
  type View,
  type WriterId,
} from '@syncline/stm'
import { Applied } from './applied.ts'
import { countOf, idsOf, type Sleepers } from './asleep.ts'
import { allHere, type Away } from './away.ts'
import { createDocumentClients } from './document-clients.ts'
import type { Caught, Held, TakenUp } from './held.ts'
import { joined, ownSeqsOf } from './joining.ts'
import { createKnownLog, OtherLogError } from './known-log.ts'
import { createRenames, rewordedBy, type Reworded, type Rewritten } from './renames.ts'
import { clientsOf, noInverse, noWriters, PendingChange, seenBy, type KnownOfChange, type Pending } from './pending.ts'
import { atOnce, BYTES_OF_A_CELL, type Pieces } from './pieces.ts'
import {
  isAdoption,
  localPart,
  nobody,
  sharedPart,
  withLocalPart,
  withoutBrowserOps,
  withoutRelayOps,
  type AdoptionChange,
} from './read-change.ts'
import type { RefusedChange } from './refused.ts'
import { decideSettlement, raise, stampText, type Settlement } from './settlement.ts'

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

/** Where a refusal cuts the Changes of a writer. */
export interface Refusal {
  readonly writer: WriterId
  readonly seq: number
  readonly code: string
  readonly message: string
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
  replay(change: Change, known: KnownOfChange): Pieces<void>
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
  /** It is pending: its operations lie over what they touch. */
  kept?: Change
  applied?: { readonly change: Change; readonly next: Basis | LaterBasis }
}

/** So many operations are applied at once in a replay. */
const SLICE = 1024

function* slicesOf(ops: readonly Op[]): Iterable<readonly Op[]> {
  for (let i = 0; i < ops.length; i += SLICE) yield ops.slice(i, i + SLICE)
}

/** Seqs, both included. */
interface Skipped {
  readonly from: number
  readonly to: number
}

/** A cell that pending Changes touch. */
export interface Overlaid {
  /** How many operations of them. */
  operations: number
  /** The state without them. */
  acknowledged: unknown
  /** The Yjs clients that have written in them, once somebody has asked. */
  clients?: ReadonlySet<number> | undefined
}

/**
 * Makes an empty replica. `bind` gives a policy its live documents; `onReauthored` is told what a Change has become; `rules` are what bodies
 * that nobody commits must keep to. With `isAlone` there is no log, no relay and no other tab: nothing can come that asks for what is pending,
 * so it is counted and not kept. `away` says what is not in the memory.
 */
export function createReplica(
  bind: (policy: Policy) => Policy,
  onReauthored: (from: Change, to: Change, reworded: Reworded | undefined) => void,
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
  let browserWriter: WriterId | undefined
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
  const refused = new Map<ChangeId, RefusedChange>()
  const refusals = new Map<WriterId, Refusal>()
  /** The last seq that counts of each writer that was ended. */
  const ended = new Map<WriterId, number>()
  /** How far the Changes of such a writer are settled: what comes to light later is settled later. */
  const settledUpTo = new Map<WriterId, number>()
  /** What Changes that were authored again have become. */
  const became = new Map<ChangeId, Pick<Change, 'writer' | 'seq'>>()
  const restamps = new Map<string, Stamp>()
  /** All of both, in order. */
  const reauthorings: (readonly [...Named, ...Named])[] = []
  const renames = createRenames()
  const log = createKnownLog()
  /** For each cell that a pending Change touches: how many operations, and the state without them. */
  const overlaid = new Map<CellKey, Overlaid>()
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
    learnAcknowledged(made, waiting)
    return made
  }, rules)
  const documents = createDocumentClients(memory.policy)

  /**
   * What is pending was counted in the cells all the time, and the relay has ordered nothing: so there is nothing under it. Operations that wait for their policy come
   * as they were made, in place of what was made of them.
   */
  function surface(woken: readonly Pending[]): void {
    byId = new Map([...woken.map((one) => [one.id, one] as const), ...pending()])
    sleep(none)
    for (const { change } of woken) {
      memory.place(change.ops, Infinity)
      for (const op of change.ops) {
        const key = cellKeyOf(op)
        const cell = overlaid.get(key)
        if (cell === undefined) overlaid.set(key, { operations: 1, acknowledged: undefined })
        else cell.operations += 1
      }
    }
    memory.forget((_, { arbiter }, isLaid) => isLaid && arbiter !== 'browser', opsOf(woken))
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
        if (ids.has(changeId({ writer, seq })))
          missing.set(writer, [...(missing.get(writer) ?? []), { from: seq, to: seq }])
      }
    }
    basisNow()
    return applyAnew([...woken, ...pending().values()])
  }

  function* opsOf(all: readonly Pending[]): Iterable<UnreadOp> {
    for (const { change } of all) for (const op of change.ops) yield { op, stamp: stampOf(change) }
  }

  /** Operations that waited for their policy become readable: pending ones lie over the others. */
  function learnAcknowledged(policy: Policy, waiting: readonly UnreadOp[]): void {
    // Under what is asleep there is nothing.
    if (waiting.length === 0 || asleep.length > 0) return
    // Of all that is pending mostly few are looked for, and to put a text together for each takes long.
    const times = new Set<number>()
    for (const { stamp } of waiting) times.add(stamp.at)
    const stamps = new Set<string>()
    for (const { change } of pending().values()) if (times.has(change.at)) stamps.add(stampText(change))
    let last: Stamp | undefined
    let isPending = false
    for (const { op, stamp } of waiting) {
      // Those of one Change have one.
      if (stamp !== last) {
        last = stamp
        isPending = stamps.has(stampText(stamp))
      }
      const cell = isPending ? undefined : overlaid.get(cellKeyOf(op))
      if (cell === undefined) continue
      cell.acknowledged = policy.apply(cell.acknowledged, op.payload, stamp)
    }
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
    for (const op of ops) boundPolicy(op.tag)?.settle(op.address, op.payload, origin)
  }

  /** The same in pieces, where nobody looks before it is done, and what changed is not told: its operations some at a time. */
  function* replayed(change: Change, next: Basis | LaterBasis): Pieces<void> {
    const present = away().present(change.ops)
    for (const ops of slicesOf(present)) {
      memory.apply(ops, stampOf(change), next)
      yield ops.length * BYTES_OF_A_CELL
    }
    settleDocuments(present, 'replay')
  }

  function* replay(change: Change, known: KnownOfChange): Pieces<void> {
    // Most Changes are small, and a log has many.
    if (change.ops.length <= SLICE) {
      commit(change, 'replay', known)
      yield change.ops.length * BYTES_OF_A_CELL
      return
    }
    const rest: Postponed = (postponed = {})
    try {
      commit(change, 'replay', known)
    } finally {
      postponed = undefined
    }
    for (const ops of slicesOf(rest.kept?.ops ?? [])) {
      overlay(ops)
      yield ops.length * BYTES_OF_A_CELL
    }
    if (rest.applied !== undefined) yield* replayed(rest.applied.change, rest.applied.next)
  }

  function boundPolicy(tag: string): BoundPolicy | undefined {
    return bound.find((policy) => policy.tag === tag)
  }

  function commit(change: Change, origin: Origin, known: KnownOfChange = nothingMore): Changed {
    const { writer, seq } = change
    const last = seqs.get(writer) ?? 0
    const isLate = isMissing(change)
    const isKnown = seq <= last && !isLate
    if (isKnown && isCommitted(change)) return nothing
    if (committed.has(writer)) committed.set(writer, Math.max(seq, isLate ? last : 0))
    if (isKnown) return commitLate(change, origin)
    if (isLate) find(change)
    else seqs.set(writer, seq)
    const rest = withoutBrowserOps(change)
    if (seq > last + 1 && rest.ops.length > 0) {
      missing.set(writer, [...(missing.get(writer) ?? []), { from: last + 1, to: seq - 1 }])
    }
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

  function isCommitted({ writer, seq }: Pick<Change, 'writer' | 'seq'>): boolean {
    return seq <= (committed.get(writer) ?? seqs.get(writer) ?? 0) && !isMissing({ writer, seq })
  }

  /** The relay has told of a Change before the log did: what it did to `browser` refs comes now. */
  function commitLate(change: Change, origin: Origin): Changed {
    const ops = change.ops.filter(({ arbiter }) => arbiter === 'browser')
    if (ops.length === 0) return nothing
    lastBrowserAt = witness(lastBrowserAt, change.at)
    return apply({ ...change, ops }, origin, basisNow())
  }

  function lastWhole(writer: WriterId): number {
    return (missing.get(writer)?.[0]?.from ?? (seqs.get(writer) ?? 0) + 1) - 1
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
    if (ended.has(change.writer)) refuseLate(one.change)
    if (postponed === undefined) overlay(one.change.ops)
    else postponed.kept = one.change
  }

  /** The operations of a pending Change lie over the cells that they touch. To be called before they are applied. */
  function overlay(ops: readonly Op[]): void {
    memory.place(ops, Infinity)
    for (const op of away().present(ops)) {
      const key = cellKeyOf(op)
      const cell = overlaid.get(key)
      if (cell === undefined) {
        const acknowledged: unknown = asleep.length > 0 ? undefined : memory.stateOn(op)
        overlaid.set(key, { operations: 1, acknowledged })
      } else {
        cell.operations += 1
        cell.clients = undefined
      }
    }
  }

  /** What comes to light of a writer after it was settled is refused like all that comes after a refused Change. */
  function refuseLate({ writer, seq }: Change): void {
    if (refusals.has(writer)) return
    const message = `A Change of this writer was refused before, so ${seq} cannot stand.`
    refusals.set(writer, { writer, seq, code: 'after-refused', message })
  }

  /** A Change that has nothing for others is not pending: it is where it belongs. */
  function applyPrivate(change: Change, origin: Origin): Changed {
    const basis = basisNow()
    const writers = new Map(basis.writers)
    if (browserWriter !== undefined) writers.delete(browserWriter)
    browserWriter = change.writer
    settle({ ...basis, writers: writers.set(change.writer, change.seq) })
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

  /** A pending Change becomes part of the acknowledged prefix. */
  function acknowledge({ change }: Pending): void {
    for (const op of change.ops) {
      const key = cellKeyOf(op)
      const cell = overlaid.get(key)
      // Nothing lies over what is away.
      if (cell === undefined) continue
      cell.operations -= 1
      if (cell.operations === 0) overlaid.delete(key)
      else cell.acknowledged = memory.policy(op.tag)?.apply(cell.acknowledged, op.payload, stampOf(change))
    }
  }

  /** A Change of somebody else lies under the pending ones. */
  function underlay(change: Change): void {
    if (overlaid.size === 0) return
    for (const op of change.ops) {
      const cell = overlaid.get(cellKeyOf(op))
      if (cell !== undefined)
        cell.acknowledged = memory.policy(op.tag)?.apply(cell.acknowledged, op.payload, stampOf(change))
    }
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
      // A relay that had lost its data, or what it had refused, has said otherwise.
      if ((refusals.get(writer)?.seq ?? Infinity) <= seq) refusals.delete(writer)
      refused.delete(id)
      const own = pending().get(id)
      if (own !== undefined) {
        lastOrderedAt = Math.max(lastOrderedAt, own.change.at)
        acknowledge(own)
        away().ordered(relaySeq, own.change)
        pending().delete(id)
        memory.put(noStates, next)
        memory.place(own.change.ops)
        for (const key of setRight(own.change, true)) changed.add(key)
        continue
      }
      if (!('ops' in item)) continue
      if (isMissing(item)) find(item)
      lastOrderedAt = Math.max(lastOrderedAt, item.at)
      lastAt = witness(lastAt, item.at)
      const before = seqs.get(writer) ?? 0
      if (!committed.has(writer)) committed.set(writer, before)
      seqs.set(writer, Math.max(before, seq))
      if (isAdoption(item)) {
        for (const key of adopt(item, next)) changed.add(key)
        continue
      }
      // Whoever sends them, nobody outside writes what is this browser's own; and what is not adopted stays as it is.
      const shared = withoutBrowserOps(item)
      const theirs = isUnadopted() ? withoutRelayOps(shared) : shared
      underlay(theirs)
      away().ordered(relaySeq, theirs)
      if (origin === 'replay' && theirs.ops.length > SLICE) yield* replayed(theirs, next)
      else {
        const keys = apply(theirs, envelope?.isOurs === true ? 'local' : origin, next)
        if (origin !== 'replay') for (const key of keys) changed.add(key)
        yield theirs.ops.length * BYTES_OF_A_CELL
      }
      for (const key of setRight(theirs)) changed.add(key)
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

  /**
   * Whoever has written under a Yjs client of something pending, and has not said so to the relay: which of both a document takes depends on
   * which it is given first. So do operations that divide those before them from those after them. So these are computed in the relay's order, as everybody else has them.
   */
  function setRight({ ops }: Change, isOwn = false): ReadonlySet<CellKey> {
    let wrong: Set<CellKey> | undefined
    for (const op of overlaid.size === 0 ? noClients : ops) {
      const renaming = memory.policy(op.tag)?.renaming
      const key = renaming && cellKeyOf(op)
      const cell = key && overlaid.get(key)
      if (cell === undefined) continue
      const clients = (cell.clients ??= pendingClientsIn(key!))
      const isWrong =
        clients.has(DIVIDED) ||
        renaming!.divides?.(op.payload) === true ||
        (!isOwn && renaming!.written(op.payload).some(({ client }) => clients.has(client)))
      if (isWrong) (wrong ??= new Set()).add(key!)
    }
    if (wrong === undefined) return nothing
    const changed = rebuild(wrong)
    reset(wrong)
    return changed
  }

  function pendingClientsIn(key: CellKey): ReadonlySet<number> {
    const clients = new Set<number>()
    for (const { change } of pending().values()) {
      for (const op of change.ops) {
        if (cellKeyOf(op) !== key) continue
        const renaming = memory.policy(op.tag)?.renaming
        for (const { client } of renaming?.written(op.payload) ?? noClients) clients.add(client)
        if (renaming?.divides?.(op.payload) === true) clients.add(DIVIDED)
      }
    }
    return clients
  }

  /** A basis as others may hear of it, without one of its writers. */
  function basisWithout(writer: WriterId | undefined, basis: Basis): Basis {
    const writers = new Map(basis.writers)
    for (const one of [writer, browserWriter]) if (one !== undefined) writers.delete(one)
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
    if ((settledUpTo.get(writer) ?? lastSeq) > lastSeq) return nothing
    refusals.delete(writer)
    keepMissing(
      writer,
      missing.get(writer)?.map(({ from, to }) => ({ from, to: Math.min(to, lastSeq) })),
    )
    ended.set(writer, Math.min(ended.get(writer) ?? lastSeq, lastSeq))
    let upTo = lastSeq
    for (const { change, record } of refusedNow) {
      if (isAccepted(change.change)) continue
      refused.set(change.id, change)
      if (change.change.writer === writer) upTo = Math.max(upTo, change.change.seq)
      documents.refuse(clientsOf(record))
    }
    const survivors: Pending[] = []
    const affected = new Set<CellKey>()
    const gone: Stamp[] = []
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
      gone.push(stampOf(change))
      for (const op of away().present(change.ops)) {
        const key = cellKeyOf(op)
        affected.add(key)
        overlaid.get(key)!.operations -= 1
      }
    }
    settledUpTo.set(writer, upTo)
    if (late !== undefined) refuseLate(late)
    memory.forget(
      (stamp, { arbiter }) =>
        // What it did to browser refs stands.
        arbiter !== 'browser' && gone.some((other) => other.writer === stamp.writer && other.at === stamp.at),
    )
    const basis = basisNow()
    const writers = new Map(basis.writers)
    if (latest > 0) writers.set(writer, latest)
    else writers.delete(writer)
    settle({ ...basis, writers })
    lastAt = lastOrderedAt
    for (const { change } of pending().values()) lastAt = Math.max(lastAt, change.at)
    const changed = new Set(rebuild(affected))
    isEnding = true
    reauthored.forEach(({ change, record, clients }, i) => {
      // They were authored in the order of the old ones, so each is what the one in the same place has become.
      const from = survivors[i]
      const saw = new Map(seenBy(change))
      for (const [other, seq] of from?.saw ?? noWriters) raise(saw, other, seq)
      if (from !== undefined) {
        noteBecame([...named(from.change), ...named(change)])
        documents.note(from.clients())
        from.change.ops.forEach((op, at) => {
          const to = change.ops[at]
          if (to !== undefined) renames.note(from.change, op, to)
        })
        onReauthored(from.change, change, rewordedFor(from))
      }
      // What is authored again comes from a record, which has the shared part only.
      const whole = from === undefined ? change : withLocalPart(sharedPart(change), localPart(from.change))
      const known: KnownOfChange = {
        saw,
        inverse: from?.inverse ?? noInverse,
        ...(record !== undefined && { record }),
        ...(clients !== undefined && { clients }),
      }
      for (const key of commit(whole, 'replay', known)) changed.add(key)
    })
    isEnding = false
    reset(affected)
    return changed
  }

  function noteBecame(pair: readonly [...Named, ...Named]): void {
    const [writer, seq, at, nextWriter, nextSeq, nextAt] = pair
    became.set(changeId({ writer, seq }), { writer: nextWriter, seq: nextSeq })
    restamps.set(stampText({ writer, at }), { writer: nextWriter, at: nextAt })
    reauthorings.push(pair)
  }

  function hold(isHere: (id: ChangeId) => boolean): Held | undefined {
    if (isAlone || missing.size > 0) return undefined
    if (!isCountable()) return heldNow(isHere)
    const awake = [...pending().values()]
    // What is counted must be in the log.
    if (!awake.every(({ change }) => isHere(changeId(change)))) return undefined
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

  function isCountable(): boolean {
    return settled.relaySeq === 0 && away() === allHere && pendingCount() > 0
  }

  function heldNow(isHere: (id: ChangeId) => boolean): Held | undefined {
    const cells = acknowledgedCells()
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
        browserWriter: browserWriter ?? '',
        dismissed: [...dismissed],
        refusals: Array.from(refusals.values(), ({ writer, seq, code, message }) => [writer, seq, code, message]),
        ended: Array.from(ended, ([writer, lastSeq]) => [writer, lastSeq, settledUpTo.get(writer) ?? lastSeq]),
        became: [...reauthorings],
        renames: renames.all(),
        owners: [...documents.owners],
        clientsOfRefused: [...documents.ofRefused],
        ...(counted !== undefined && { counted }),
        ...(decided !== nothingDecided && { decided }),
      },
    }
  }

  /** What the relay has ordered, and what needs no order, as it is now. */
  function acknowledgedCells(): Iterable<DistilledCell> | undefined {
    const stamps = new Set<string>()
    for (const { change } of pending().values()) stamps.add(stampText(change))
    const acknowledged = new Map<CellKey, unknown>()
    for (const [key, cell] of overlaid) acknowledged.set(key, cell.acknowledged)
    // What a pending Change has done to browser refs is done.
    const counts = ({ op, stamp }: UnreadOp): boolean => op.arbiter === 'browser' || !stamps.has(stampText(stamp))
    return memory.distilled({ inPlaceOf: acknowledged, counts })
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
    const kept = isAhead || isNewerHere ? [...(acknowledgedCells() ?? none)].filter(isKept) : none
    // Where they lie there already there was nothing before, so nothing is kept.
    const base = cells && [...cells.filter((cell) => !isKept(cell)), ...kept]
    const askedHere = [...envelopes.values()]
    const refusedHere = [...refused.values()]
    // A settlement that is still on its way into the log has happened here.
    const settledThere = new Map(ledger.ended.map(([writer, , upTo]) => [writer, upTo]))
    const isSettledHere = ({ writer, seq }: Pick<Change, 'writer' | 'seq'>): boolean =>
      seq > (settledThere.get(writer) ?? 0) && seq > ended.get(writer)! && seq <= settledUpTo.get(writer)!
    for (const map of [seqs, committed, missing, pending(), envelopes, refused]) map.clear()
    for (const [writer, seq] of ledger.seqs) seqs.set(writer, seq)
    const [at, orderedAt, browserAt] = ledger.clocks
    lastAt = Math.max(lastAt, at)
    lastOrderedAt = Math.max(lastOrderedAt, orderedAt)
    lastBrowserAt = Math.max(lastBrowserAt, browserAt)
    if (!isNewerHere) browserWriter = ledger.browserWriter || undefined
    for (const writer of ledger.dismissed) dismissed.add(writer)
    const isOver = (change: Change): boolean =>
      isSettledHere(change) || (isAhead && change.seq <= (known.get(change.writer) ?? 0))
    const theirs = there.pending.filter(({ change }) => {
      return !isSettledHere(change) && (before.has(changeId(change)) || !isOver(change))
    })
    for (const one of [...there.refused, ...refusedHere.filter(({ change }) => isSettledHere(change))]) {
      refused.set(one.id, one)
    }
    for (const [writer, lastSeq, upTo] of ledger.ended) {
      ended.set(writer, Math.min(ended.get(writer) ?? lastSeq, lastSeq))
      raise(settledUpTo, writer, upTo)
      refusals.delete(writer)
    }
    for (const pair of ledger.became) if (!became.has(changeId({ writer: pair[0], seq: pair[1] }))) noteBecame(pair)
    renames.restore(ledger.renames)
    documents.note(new Map(ledger.owners))
    documents.refuse(new Map(ledger.clientsOfRefused.map((client) => [client, documents.owners.get(client) ?? ''])))
    for (const [writer, seq, code, message] of ledger.refusals)
      if (!isSettledHere({ writer, seq })) refusals.set(writer, { writer, seq, code, message })
    for (const one of there.envelopes) if (!isOver(one.change)) envelopes.set(one.change.writer, one)
    for (const one of askedHere) {
      // Ours are waited for.
      if (!seqs.has(one.change.writer) && !dismissed.has(one.change.writer)) envelopes.set(one.change.writer, one)
    }
    const writers = new Map<WriterId, number>()
    for (const { change } of theirs) raise(writers, change.writer, change.seq)
    if (browserWriter !== undefined) {
      writers.set(browserWriter, Math.max(seqs.get(browserWriter) ?? 0, known.get(browserWriter) ?? 0))
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
    for (const refusal of refusals.values()) if (isAccepted(refusal)) refusals.delete(refusal.writer)
    // In a replay there is no live document yet.
    if (origin !== 'replay') reset(changed)
    const ordered = [...sleepers, ...before.keys()].filter(
      (id) => !pending().has(id) && !refused.has(id) && !became.has(id),
    )
    return { changed, ordered }
  }

  function* join(theirs: TakenUp, origin: Origin): Pieces<Caught> {
    const { ledger } = theirs
    const mine = heldNow(() => true)
    // No policy is so, or there would be no checkpoint.
    if (mine === undefined) return { changed: nothing, ordered: [] }
    const isDismissed = (writer: WriterId): boolean => dismissed.has(writer)
    const all = joined(mine, theirs, { knows, isDismissed, lastWhole }, log.fits(ledger, settled.relaySeq))
    const news = ledger.became.filter(([writer, seq]) => !became.has(changeId({ writer, seq })))
    const skipped = [...missing]
    const late = all.pending.filter(
      ({ change }) => !knows(change) && change.seq > (ended.get(change.writer) ?? Infinity),
    )
    const caught = yield* takeUp(all, origin)
    const theirOwn = ownSeqsOf(ledger)
    for (const [writer, parts] of skipped) {
      // What is neither pending there nor here is in what has come, or the relay tells it.
      const from = (theirOwn.get(writer) ?? 0) + 1
      keepMissing(
        writer,
        parts.map((part) => ({ from: Math.max(from, part.from), to: part.to })),
      )
    }
    for (const { change } of late) refuseLate(change)
    for (const [writer, seq, at, nextWriter, nextSeq, nextAt] of news) {
      const from = { ...nobody, writer, seq, at }
      onReauthored(from, { ...nobody, writer: nextWriter, seq: nextSeq, at: nextAt }, undefined)
    }
    return caught
  }

  function forgetLog(joinedThere: readonly Covered[]): void {
    log.leave(joinedThere)
    away().onOrderForgotten()
    settle({ epoch: null, relaySeq: 0, writers: basisNow().writers })
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
    const all = joined(
      mine,
      { ...theirs, ledger },
      { knows, isDismissed: (writer) => dismissed.has(writer), lastWhole },
      'instead',
    )
    const caught = yield* takeUp(all, origin)
    // What the relay had refused after it had lost it stands now.
    for (const [id, { change }] of refused) if (change.seq <= (seen.get(change.writer) ?? 0)) refused.delete(id)
    for (const [writer, lastSeq] of ended) ended.set(writer, Math.max(lastSeq, seen.get(writer) ?? 0))
    for (const [writer, parts] of skipped) {
      const from = (seen.get(writer) ?? 0) + 1
      keepMissing(
        writer,
        parts.map((part) => ({ from: Math.max(from, part.from), to: part.to })),
      )
    }
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
    overlaid.clear()
    const restored = cells === undefined ? memory.put(noStates, settled) : memory.restore(cells, settled)
    const changed = new Set<CellKey>(origin === 'replay' ? none : restored)
    for (const one of all) {
      newest.push(one)
      isEnding = true
      if (origin === 'replay' && one.change.ops.length > SLICE) {
        for (const ops of slicesOf(one.change.ops)) {
          overlay(ops)
          yield ops.length * BYTES_OF_A_CELL
        }
        yield* replayed(one.change, settled)
      } else {
        overlay(one.change.ops)
        const keys = apply(one.change, 'replay', settled)
        if (origin !== 'replay') for (const key of keys) changed.add(key)
        yield one.change.ops.length * BYTES_OF_A_CELL
      }
      isEnding = false
    }
    return changed
  }

  function forgetOrder(): ReadonlySet<CellKey> {
    log.restore({ stretches: [], foreign: [] })
    setDecided(nothingDecided)
    away().onOrderForgotten()
    settle({ epoch: null, relaySeq: 0, writers: basisNow().writers })
    return applyAnew(pending().values())
  }

  /** What was done to refs of this browser only, which no relay orders. */
  function ownCells(): readonly DistilledCell[] {
    return [...(acknowledgedCells() ?? none)].filter(({ arbiter }) => arbiter === 'browser')
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

  function knows({ writer, seq }: Pick<Change, 'writer' | 'seq'>): boolean {
    return seq <= (seqs.get(writer) ?? 0) && !isMissing({ writer, seq })
  }

  /**
   * Whether the relay's log has a Change, as it is known here. A relay that has lost it may refuse it when somebody sends it who has not heard that: it stands all the
   * same, as whoever knows of it brings it back.
   */
  function isAccepted(change: Pick<Change, 'writer' | 'seq'>): boolean {
    const id = changeId(change)
    return knows(change) && !pending().has(id) && !isAsleep(id) && !refused.has(id) && !became.has(id)
  }

  /** Live documents are made anew. */
  function reset(keys: ReadonlySet<CellKey>): void {
    for (const policy of bound) {
      const prefix = cellKey(policy.tag, '')
      for (const key of keys) if (key.startsWith(prefix)) policy.reset(key.slice(prefix.length), memory.state(key))
    }
  }

  /** Computes cells anew: the acknowledged state, and the pending operations that are left, in their order. */
  function rebuild(keys: ReadonlySet<CellKey>): ReadonlySet<CellKey> {
    const states = new Map<CellKey, unknown>()
    for (const key of keys) states.set(key, overlaid.get(key)!.acknowledged)
    for (const { change } of pending().values()) {
      for (const op of change.ops) {
        const key = cellKeyOf(op)
        if (keys.has(key)) states.set(key, memory.policy(op.tag)?.apply(states.get(key), op.payload, stampOf(change)))
      }
    }
    for (const key of keys) if (overlaid.get(key)!.operations === 0) overlaid.delete(key)
    return memory.put(states, basisNow())
  }

  return {
    memory,
    basis: basisNow,
    sharedBasis: () => basisWithout(undefined, basisNow()),
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
    isPending: (id) =>
      pending().has(id) || isAsleep(id) || (unkeptCount > 0 && unkept.has(id.slice(0, id.indexOf(':')))),
    pendingIds: () => [
      ...idsOf(asleep),
      ...pending().keys(),
      ...Array.from(unkept, (writer) => changeId({ writer, seq: seqs.get(writer)! })),
    ],
    refused,
    refusals,
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
      seq: (seqs.get(writer) ?? 0) + 1,
      deps: depsOf(writer),
      at,
      ops,
      effects,
      meta,
    }),
    commit,
    replay,
    order,
    prepare(envelope) {
      const { writer } = envelope.change
      if (!seqs.has(writer) && !dismissed.has(writer)) envelopes.set(writer, envelope)
    },
    dismiss(writer) {
      if (envelopes.delete(writer)) dismissed.add(writer)
    },
    isDismissed: (writer) => dismissed.has(writer),
    refuse(refusal) {
      const { writer } = refusal
      if (!ended.has(writer) && !refusals.has(writer) && !isAccepted(refusal)) refusals.set(writer, refusal)
    },
    canReauthor,
    settlement(refusal, fresh, nowMs, mend, drawClient) {
      const freshSeq = seqs.get(fresh) ?? 0
      const { policy } = memory
      const known = { pending: pending(), refused, ended, became, restamps, lastOrderedAt, freshSeq }
      return decideSettlement({ ...known, log, renames, policy, drawClient }, refusal, fresh, nowMs, mend)
    },
    end,
    drop(ids) {
      for (const id of ids) refused.delete(id)
    },
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
      stretches: log.known().stretches.map(([epoch, first]) => ({ epoch, first })),
    }),
    forgetOrder,
    pendingOf,
    flushDocuments() {
      for (const policy of bound) policy.flush()
    },
    closeDocuments() {
      for (const policy of bound) policy.close()
    },
    acknowledged: acknowledgedCells,
    browserRefs: () => (lastBrowserAt === 0 ? 0 : Math.max(1, ownCells().length)),
    overlaid,
    bound,
  }
}

function named({ writer, seq, at }: Change): Named {
  return [writer, seq, at]
}

type Decided = NonNullable<Ledger['decided']>

const nothingDecided: Decided = [0, [], []]

const noClients: readonly never[] = []
/** Among the clients of what is pending: something of it divides. */
const DIVIDED = -1
const none: readonly never[] = []

/** A basis after one more Change of a writer. */
function plus(basis: Basis, { writer, seq }: { readonly writer: WriterId; readonly seq: number }): Basis {
  return { ...basis, writers: new Map(basis.writers).set(writer, seq) }
}

const nothing: Changed = Object.assign(new Set<CellKey>(), { befores: [] })
const noStates: ReadonlyMap<CellKey, unknown> = new Map()

function stampOf(change: Change): Stamp {
  return { at: change.at, writer: change.writer }
}
