import {
  pendingIn,
  decodeHeader,
  entriesIn,
  type CheckpointEntry,
  type JoinedEntry,
  type Ledger,
  type LogEntry,
  type Rest,
  type SingleEntry,
} from '@syncline/protocol'
import { changeId, type Change, type ChangeId, type Epoch, type WriterId } from '@syncline/stm'
import { createRanges, type Ranges } from './ranges.ts'
import { createRemaking, type Place, type Remade } from './remaking.ts'
import type { SpaceReport } from './report.ts'

/** Keeps account of what a log says, entry by entry, without folding any value. */
export interface Account {
  /** Takes in an entry whose records can be understood, and which stands at that place. */
  take(entry: LogEntry, at?: Place): void
  /** Whether a checkpoint with this ledger, and the records of these envelopes, has nothing that is not here. */
  covers(ledger: Ledger, asked: readonly Uint8Array[]): boolean
  /** The part of the newest checkpoint that is not there and was made again of the others. */
  remade(): Remade | undefined
  balance(): Pick<SpaceReport, 'epoch' | 'relaySeq' | 'gaps' | 'missing' | 'pending' | 'undecided' | 'refused'>
}

/** A Change by its name, and whether anything of it is for others. */
interface Named {
  readonly writer: WriterId
  readonly seq: number
  readonly isShared: boolean
}

/** Opens an account of an empty log. */
export function openAccount(): Account {
  let epoch: Epoch | null = null
  let order: Ranges = createRanges()
  /** The Changes of this browser that are here, by writer, whether the relay has them or not. */
  const own = new Map<WriterId, Ranges>()
  /** Those that the relay's order names. */
  const ordered = new Map<WriterId, Ranges>()
  const pending = new Map<ChangeId, Named>()
  const undecided = new Set<WriterId>()
  const dismissed = new Set<WriterId>()
  /** What is pending in the joined checkpoint that is being read. */
  const pendingThere = new Set<ChangeId>()
  const refused = new Set<ChangeId>()
  /** Of writers that have ended: the last seq that counts, and how far what comes after it is settled. */
  const ended = new Map<WriterId, { readonly lastSeq: number; readonly upTo: number }>()

  const remaking = createRemaking()

  function commit(change: Named): void {
    const { writer, seq, isShared } = change
    rangesOf(own, writer).add(seq)
    if (isShared && ordered.get(writer)?.has(seq) !== true) pending.set(changeId(change), change)
  }

  function place(relaySeq: number, item: Omit<Named, 'isShared'>, isHere: boolean): void {
    const { writer, seq } = item
    // A name stands for what is here; for what is not, the relay is asked.
    const isKnown = isHere || pending.has(changeId(item)) || undecided.has(writer) || own.get(writer)?.has(seq) === true
    if (isKnown) order.add(relaySeq)
    rangesOf(ordered, writer).add(seq)
    pending.delete(changeId(item))
    undecided.delete(writer)
  }

  function isHere({ writer, seq }: Omit<Named, 'isShared'>): boolean {
    return own.get(writer)?.has(seq) === true || ordered.get(writer)?.has(seq) === true
  }

  function take(entry: SingleEntry | CheckpointEntry | JoinedEntry, at: Place | undefined): void {
    switch (entry.kind) {
      case 'commits':
        for (const change of entry.changes.map(({ record }) => named(record))) commit(change)
        return
      case 'run':
        for (const { change } of entry.changes) commit(namedBy(change))
        return
      case 'ordered': {
        const items = entry.items.map((item) => (item instanceof Uint8Array ? named(item) : item))
        // A run of the relay begins an epoch and goes on with the log.
        epoch = entry.epoch
        items.forEach((item, i) => place(entry.first + i, item, 'isShared' in item))
        return
      }
      case 'join': {
        epoch = entry.epoch
        order = createRanges()
        order.add(1, entry.relaySeq)
        for (const record of entry.pieces) {
          for (const [writer, seq] of decodeHeader(record).deps.writers) takeOrdered(writer, seq)
        }
        for (const record of entry.before) {
          const { writer, seq } = named(record)
          takeOrdered(writer, seq)
        }
        return
      }
      case 'refused':
        return
      case 'ended': {
        const gone = entry.refused.map(({ record }) => named(record))
        const again = entry.reauthored.map(named)
        const before = ended.get(entry.writer)
        // Two tabs may have settled the same.
        if (before !== undefined && before.upTo > entry.lastSeq) return
        for (const change of gone) refused.add(changeId(change))
        let upTo = Math.max(
          entry.lastSeq,
          ...gone.filter(({ writer }) => writer === entry.writer).map(({ seq }) => seq),
        )
        let left = again.length
        // What its author did not know of stays, and is settled later.
        for (const [id, { writer, seq }] of pending) {
          if (writer !== entry.writer || seq <= entry.lastSeq) continue
          if (!refused.has(id) && left-- <= 0) break
          upTo = Math.max(upTo, seq)
          pending.delete(id)
        }
        ended.set(entry.writer, { lastSeq: Math.min(before?.lastSeq ?? entry.lastSeq, entry.lastSeq), upTo })
        for (const change of again) commit(change)
        return
      }
      case 'dropped':
        for (const id of entry.changes) refused.delete(id)
        return
      case 'prepared': {
        const { writer } = named(entry.record)
        if (!ordered.has(writer)) undecided.add(writer)
        return
      }
      case 'decided':
        dismiss(entry.writer)
        return
      case 'cells':
      case 'rows':
      case 'rest': {
        const again = remaking.take(entry, at)
        if (again !== undefined) takeRest(['asleep', again.list])
        if (entry.kind === 'rest') takeRest(entry.rest)
        return
      }
      case 'joined':
        if (entry.part.kind === 'rest') takeJoined(entry.part.rest)
    }
  }

  /** The relay has so much of a writer in place of what it had lost. */
  function takeOrdered(writer: WriterId, upTo: number): void {
    rangesOf(ordered, writer).add(1, upTo)
    for (const [id, change] of pending) if (change.writer === writer && change.seq <= upTo) pending.delete(id)
    undecided.delete(writer)
  }

  function dismiss(writer: WriterId): void {
    undecided.delete(writer)
    dismissed.add(writer)
  }

  /** What was before a checkpoint is in it, or is not wanted any more. */
  function takeRest(rest: Rest): void {
    switch (rest[0]) {
      case 'asleep':
      case 'pending':
        namedIn(rest).forEach(commit)
        return
      case 'refused':
        for (const [record] of rest[1]) refused.add(changeId(named(record)))
        return
      case 'asked':
        for (const [, record] of rest[1]) undecided.add(named(record).writer)
        return
      case 'ledger': {
        const { relaySeq, stretches, seqs, ended: over } = rest[1]
        rest[1].dismissed.forEach(dismiss)
        order.add(1, relaySeq)
        epoch = stretches.at(-1)?.[0] ?? epoch
        for (const [writer, seq] of seqs) {
          rangesOf(own, writer).add(1, seq)
          addOrdered(writer, seq)
        }
        for (const [writer, lastSeq, upTo] of over) ended.set(writer, { lastSeq, upTo })
        return
      }
      case 'undoable':
      case 'notes':
    }
  }

  /** Of a writer of whom so much is known all is ordered, or over, but what is pending. */
  function addOrdered(writer: WriterId, upTo: number): void {
    let from = 1
    for (const change of pending.values()) {
      if (change.writer !== writer || change.seq > upTo) continue
      rangesOf(ordered, writer).add(from, change.seq - 1)
      from = change.seq + 1
    }
    rangesOf(ordered, writer).add(from, upTo)
  }

  /** What another log had comes to what is here, as far as it is not known. */
  function takeJoined(rest: Rest): void {
    switch (rest[0]) {
      case 'asleep':
      case 'pending':
        for (const change of namedIn(rest)) {
          pendingThere.add(changeId(change))
          if (!isHere(change)) commit(change)
        }
        return
      case 'refused':
        for (const change of rest[1].map(([record]) => named(record))) {
          if (pending.delete(changeId(change)) || !isHere(change)) refused.add(changeId(change))
        }
        return
      case 'asked':
        for (const { writer } of rest[1].map(([, record]) => named(record))) {
          if (!ordered.has(writer) && !dismissed.has(writer)) undecided.add(writer)
        }
        return
      case 'ledger': {
        const { relaySeq, stretches, seqs } = rest[1]
        if (relaySeq > order.whole && !seqs.some(([writer]) => undecided.has(writer))) {
          order.add(1, relaySeq)
          epoch = stretches.at(-1)?.[0] ?? epoch
          const seen = new Map(seqs.map(([writer, seq]) => [writer, seq]))
          for (const [id, { writer, seq }] of pending) {
            if (seq <= (seen.get(writer) ?? 0) && !pendingThere.has(id)) pending.delete(id)
          }
          for (const [writer, seq] of seen) addOrdered(writer, seq)
        }
        pendingThere.clear()
        for (const [writer, seq] of ownSeqsIn(rest[1])) if (seq > 0) rangesOf(own, writer).add(1, seq)
        rest[1].dismissed.forEach(dismiss)
        for (const [writer, lastSeq, upTo] of rest[1].ended) {
          const before = ended.get(writer)
          ended.set(writer, {
            lastSeq: Math.min(before?.lastSeq ?? lastSeq, lastSeq),
            upTo: Math.max(before?.upTo ?? upTo, upTo),
          })
          for (const [id, change] of pending) {
            if (change.writer === writer && change.seq > lastSeq && change.seq <= upTo) pending.delete(id)
          }
        }
        return
      }
      case 'undoable':
      case 'notes':
    }
  }

  return {
    covers: (ledger, asked) =>
      ledger.relaySeq <= order.whole &&
      ownSeqsIn(ledger).every(([writer, seq]) => seq <= (own.get(writer)?.whole ?? 0)) &&
      ledger.ended.every(([writer, , upTo]) => upTo <= (ended.get(writer)?.upTo ?? -1)) &&
      ledger.dismissed.every((writer) => dismissed.has(writer)) &&
      asked.map(named).every(({ writer }) => undecided.has(writer) || dismissed.has(writer) || ordered.has(writer)),
    take: (entry, at) => entriesIn(entry).forEach((one) => take(one, at)),
    remade: remaking.made,
    balance: () => ({
      epoch,
      relaySeq: order.whole,
      gaps: order.gaps(),
      missing: [...own].flatMap(([writer, here]) => {
        const cut = ended.get(writer)?.lastSeq ?? Infinity
        return here
          .gaps()
          .filter(({ from, to }) => from <= cut && !isIn(ordered.get(writer), from, to))
          .map((range) => ({ writer, ...range }))
      }),
      pending: pending.size,
      undecided: undecided.size,
      refused: refused.size,
    }),
  }
}

/** How far the Changes of each writer of this browser have come, with what never leaves it. */
function ownSeqsIn({ seqs }: Ledger): readonly (readonly [WriterId, number])[] {
  return seqs.map(([writer, seq, here]) => [writer, here < 0 ? seq : here])
}

function isIn(ranges: Ranges | undefined, from: number, to: number): boolean {
  if (ranges === undefined) return false
  for (let number = from; number <= to; number++) if (!ranges.has(number)) return false
  return true
}

function rangesOf(map: Map<WriterId, Ranges>, writer: WriterId): Ranges {
  let ranges = map.get(writer)
  if (ranges === undefined) map.set(writer, (ranges = createRanges()))
  return ranges
}

function named(record: Uint8Array): Named {
  const { writer, seq, touched } = decodeHeader(record)
  return { writer, seq, isShared: touched.length > 0 }
}

function namedBy({ writer, seq, ops }: Change): Named {
  return { writer, seq, isShared: ops.length > 0 }
}

/** The pending Changes that a part of a checkpoint has. */
function namedIn(rest: Extract<Rest, readonly ['asleep' | 'pending', unknown]>): readonly Named[] {
  const kept = rest[0] === 'asleep' ? pendingIn(rest[1]) : rest[1]
  return kept.flatMap((one) => ('run' in one ? one.run.map(({ change }) => namedBy(change)) : named(one[0])))
}
