import type { CommitsEntry, EndedEntry, JoinEntry, LogEntry, SingleEntry, WholeEntry } from '@syncline/protocol'
import type { ChangeId, Epoch, WriterId } from '@syncline/stm'
import { inRuns } from './in-runs.ts'
import type { ClaimOutcome, Offer, OrderedRecord } from './journal.ts'
import type { Pending } from './pending.ts'

/** What goes into the log as one entry, when it is its turn. */
export type Piece = CommitsPiece | OrderedPiece | ClaimPiece | SettlementPiece | EntryPiece

/** Changes of this tab. */
export interface CommitsPiece {
  readonly kind: 'commits'
  readonly pending: Pending[]
  strict: boolean
}

/** A stretch of the relay's order. */
export interface OrderedPiece {
  readonly kind: 'ordered'
  readonly epoch: Epoch
  readonly first: number
  readonly items: OrderedRecord[]
  /** What was joined to the log stands directly before it. */
  readonly join?: JoinEntry | undefined
  /** Without one nobody can refuse it. */
  fence: number | undefined
}

export interface ClaimPiece {
  readonly kind: 'claim'
  offer(): Offer | undefined
  settle(outcome: ClaimOutcome): void
}

/** What became of refused writers, one after the other. */
export interface SettlementPiece {
  readonly kind: 'settlement'
  readonly settlements: readonly Settled[]
}

/** What became of one refused writer. */
export interface Settled {
  readonly entry: EndedEntry
  /** What its Changes are now, by what they were. */
  readonly again: ReadonlyMap<ChangeId, ChangeId>
  /** What they were, where the log has not heard of that: it does here. */
  unheard: readonly Pending[]
  onStored(): void
}

export interface EntryPiece {
  readonly kind: 'entry'
  readonly entry: SingleEntry | WholeEntry
  onStored(): void
}

/** Whether Changes are in it, or will be, which may depend on what stands before it. */
export function bringsChanges(piece: Piece): boolean {
  switch (piece.kind) {
    case 'ordered':
      return false
    case 'entry':
      return piece.entry.kind === 'prepared'
    default:
      return true
  }
}

/** What a piece says, made now. An offer is made by whoever claims. */
export function entriesOf(piece: Exclude<Piece, ClaimPiece>): readonly (SingleEntry | WholeEntry)[] {
  switch (piece.kind) {
    case 'commits':
      return commitsEntries(piece.pending)
    case 'ordered':
      return orderedEntries(piece)
    case 'settlement':
      // What nobody has heard of is never seen beside what it has become.
      return piece.settlements.flatMap(({ entry, unheard }): SingleEntry[] =>
        unheard.length === 0 ? [entry] : [...commitsEntries(unheard), entry],
      )
    case 'entry':
      return [piece.entry]
  }
}

function orderedEntries({ epoch, first, items, join }: OrderedPiece): readonly SingleEntry[] {
  const ordered: readonly SingleEntry[] = items.length === 0 ? [] : [{ kind: 'ordered', epoch, first, items }]
  return join === undefined ? ordered : [join, ...ordered]
}

/** One entry that says all this. */
export function together(entries: readonly (SingleEntry | WholeEntry)[]): LogEntry {
  return entries.length === 1 ? entries[0]! : { kind: 'together', entries }
}

/** Whether it is to be on the disk itself when it is told stored. */
export function isStrict(piece: Piece): boolean {
  // What was authored again is sent then. Should a loss of power take it, the same would be authored, and sent, once more.
  return piece.kind === 'settlement' || (piece.kind === 'commits' && piece.strict)
}

/**
 * Whether it takes something away that stands in the log before it, and is lost with no record of it that is damaged: what it took away would be there
 * again, beside what it has become, and be sent.
 */
export function takesAway(piece: Piece): boolean {
  return piece.kind === 'settlement' || (piece.kind === 'entry' && piece.entry.kind === 'dropped')
}

/** What says that these Changes were made: runs of those of which nothing else is to be said, and the others as records. */
function commitsEntries(pending: readonly Pending[]): SingleEntry[] {
  const entries: SingleEntry[] = []
  let records: CommitsEntry['changes'][number][] | undefined
  for (const part of inRuns(pending)) {
    if (!('bare' in part)) {
      entries.push({ kind: 'run', changes: part })
      records = undefined
      continue
    }
    if (records === undefined) entries.push({ kind: 'commits', changes: (records = []) })
    records.push({ record: part.record(), local: part.local() })
  }
  return entries
}

/**
 * Puts a settlement into a queue. With it goes what of its writer stands there and is not `underWay` into the log, and what made these Changes in turn: each of
 * them would be seen beside what it has become. It comes as late as possible, for what was made anew may depend on all that is there, but before the
 * Changes that may depend on it.
 */
export function insertSettlement(queue: Piece[], underWay: ReadonlySet<Piece>, settled: Settled): void {
  const { writer } = settled.entry
  const made = queue.findIndex(
    (piece) =>
      piece.kind === 'settlement' && !underWay.has(piece) && piece.settlements.some((one) => hasMade(one, writer)),
  )
  // It is one, for it was found as one.
  const before = made === -1 ? [] : (queue.splice(made, 1)[0] as SettlementPiece).settlements
  let place = Math.max(made, takeUnheard(queue, underWay, settled))
  if (place === -1) place = queue.length
  while (place < queue.length && !bringsChanges(queue[place]!)) place += 1
  queue.splice(place, 0, { kind: 'settlement', settlements: [...before, settled] })
}

/** Takes what is not `underWay` of a settled writer out of a queue. Returns the place after the last that was taken, -1 without any. */
export function takeUnheard(queue: Piece[], underWay: ReadonlySet<Piece>, settled: Settled): number {
  const { writer, lastSeq } = settled.entry
  const isSettled = ({ change }: Pending): boolean => change.writer === writer && change.seq > lastSeq
  const taken: Pending[] = []
  let place = -1
  for (let i = 0; i < queue.length; i++) {
    const piece = queue[i]!
    if (piece.kind !== 'commits' || underWay.has(piece)) continue
    const end = piece.pending.findLastIndex(isSettled) + 1
    if (end === 0) continue
    const [earlier, later] = [piece.pending.slice(0, end), piece.pending.slice(end)]
    taken.push(...earlier.filter(isSettled))
    const left = [earlier.filter((one) => !isSettled(one)), later]
      .filter((pending) => pending.length > 0)
      .map((pending): CommitsPiece => ({ kind: 'commits', pending, strict: piece.strict }))
    queue.splice(i, 1, ...left)
    place = later.length > 0 ? i + left.length - 1 : i + left.length
    i += left.length - 1
  }
  settled.unheard = [...taken, ...settled.unheard]
  return place
}

function hasMade({ again }: Settled, writer: WriterId): boolean {
  for (const id of again.values()) if (id.startsWith(`${writer}:`)) return true
  return false
}

/** The Changes of this tab that are in the log when a piece is. */
export function madeBy(piece: Piece): readonly ChangeId[] {
  switch (piece.kind) {
    case 'commits':
      return piece.pending.map(({ id }) => id)
    case 'settlement':
      return piece.settlements.flatMap(({ unheard, again }) => [...unheard.map(({ id }) => id), ...again.values()])
    default:
      return []
  }
}
