import { restamped, tick } from '@syncline/merge'
import { cellKeyOf, changeId, type Basis, type Change, type ChangeId, type Stamp, type WriterId } from '@syncline/stm'
import type { KnownLog } from './known-log.ts'
import type { RefusedChange } from './refused.ts'
import type { Pending } from './pending.ts'
import type { Refusal } from './refusals.ts'
import { createRewording, type RewordingSide } from './rewording.ts'
import { raise } from './seqs.ts'
import { stampText } from './stamps.ts'

/** What becomes of the pending Changes of a writer after a refusal. */
export interface Settlement {
  readonly writer: WriterId
  readonly lastSeq: number
  readonly refused: readonly RefusedChange[]
  readonly reauthored: readonly Reauthored[]
}

/** A Change, and what it is authored again as. */
export interface Reauthored {
  readonly from: ChangeId
  readonly to: Change
  /** The Yjs clients of `to`, and the writers under which they were used first. */
  readonly clients: ReadonlyMap<number, WriterId>
}

/** What a replica knows that a settlement depends on. */
export interface Known extends RewordingSide {
  readonly refused: ReadonlyMap<ChangeId, RefusedChange>
  /** The last seq that counts of each writer that was ended. */
  readonly ended: ReadonlyMap<WriterId, number>
  /** What Changes that were authored again have become. */
  readonly became: ReadonlyMap<ChangeId, Pick<Change, 'writer' | 'seq'>>
  /** By the stamp that a Change had which was authored again, as text: the one that it got. */
  readonly restamps: ReadonlyMap<string, Stamp>
  readonly log: KnownLog
  /** The greatest `at` that the relay has stored. */
  readonly lastOrderedAt: number
  /** The last seq of the writer that authors again. */
  readonly freshSeq: number
}

/**
 * Decides what becomes of the pending Changes of a refused writer. With `mend` all are authored again; else the refused one stays
 * refused, with those that touch what a refused Change touched which they had seen. Nothing is changed.
 */
export function decideSettlement(
  known: Known,
  refusal: Refusal,
  fresh: WriterId,
  nowMs: number,
  mend: boolean,
): Settlement {
  const { writer, seq } = refusal
  const refused: RefusedChange[] = []
  const reauthored: Reauthored[] = []
  const rewording = createRewording(known, refusal.code === 'writer-clash')
  const isAhead = refusal.code === 'clock-ahead'
  // The author may have seen, in memory alone, what a relay that came back from a backup has not.
  const isLost = refusal.code === 'missing-dependency'
  let at = isAhead ? known.lastOrderedAt : 0
  let { freshSeq } = known
  const restamps = new Map(known.restamps)
  const stampNow = (stamp: Stamp): Stamp | undefined => {
    let now = restamps.get(stampText(stamp))
    for (let next = now; next !== undefined; next = restamps.get(stampText(next))) now = next
    return now
  }
  for (const [id, pending] of known.pending) {
    const { change, saw } = pending
    if (change.writer !== writer || change.seq < seq) continue
    // Who may not write at all may not write the others either.
    const isCause = !mend && (change.seq === seq || refusal.code === 'read-only')
    if (isCause || buildsOn(change, saw, known.refused.values()) || buildsOn(change, saw, refused)) {
      const because = isCause ? '' : 'It touches what a refused Change before it touched. '
      refused.push({ id, change, code: refusal.code, message: because + refusal.message })
    } else {
      const had = translated(change.deps, fresh, known)
      const deps = isLost ? { ...had, ...known.log.shared(had) } : had
      // What others of this browser have written on top of it stays on top: a stamp that was not wrong is kept, and one that was is made earlier, never
      // later, for the clock may still be ahead. It stays on top of what it was written on, for the clock may be behind by now.
      at = isAhead
        ? Math.min(change.at, tick(latestAt(seenBy(deps, refusal), at, known.pending.values()), nowMs))
        : Math.max(change.at, at + 1)
      freshSeq += 1
      // What it had seen is before it in the order, and has its new stamp already.
      const stamped = change.ops.map((op) => restamped(op, stampNow))
      const ops = rewording.ops(pending, stamped)
      const clients = new Map<number, WriterId>()
      for (const [client, owner] of pending.clients()) {
        const other = rewording.inPlaceOf(client)
        clients.set(other ?? client, other === undefined ? owner : fresh)
      }
      reauthored.push({ from: id, to: { ...change, writer: fresh, seq: freshSeq, at, deps, ops }, clients })
      restamps.set(stampText(change), { at, writer: fresh })
    }
  }
  return { writer, lastSeq: seq - 1, refused, reauthored }
}

/** What is pending and stays that the author of a Change has seen: of each writer, up to a seq. */
function seenBy({ writers }: Basis, { writer, seq }: Refusal): Basis['writers'] {
  return seq === 1 ? writers : new Map(writers).set(writer, seq - 1)
}

/** The greatest stamp among `at` and those of Changes that were seen. */
function latestAt(seen: Basis['writers'], at: number, pending: Iterable<Pending>): number {
  let latest = at
  if (seen.size === 0) return latest
  for (const { change } of pending) {
    if (change.seq <= (seen.get(change.writer) ?? 0)) latest = Math.max(latest, change.at)
  }
  return latest
}

/** Whether a Change touches a cell that one of some refused Changes touched which its author had seen: it builds on what is gone. */
function buildsOn(change: Change, saw: ReadonlyMap<WriterId, number>, refused: Iterable<RefusedChange>): boolean {
  const keys = new Set(change.ops.map((op) => cellKeyOf(op)))
  for (const { change: other } of refused) {
    if ((saw.get(other.writer) ?? 0) < other.seq) continue
    if (other.ops.some((op) => keys.has(cellKeyOf(op)))) return true
  }
  return false
}

/** The deps of a Change in terms of what the Changes in them have become. */
function translated(deps: Basis, author: WriterId, { ended, became, pending }: Known): Basis {
  const writers = new Map<WriterId, number>()
  for (const [writer, seq] of deps.writers) {
    const cut = ended.get(writer) ?? seq
    if (cut > 0) raise(writers, writer, Math.min(seq, cut))
    // Refused ones are nowhere any more; the others stand under the ids they were given, perhaps more than once.
    for (let old = cut + 1; old <= seq; old++) {
      let now = became.get(changeId({ writer, seq: old }))
      for (let next = now; next !== undefined; next = became.get(changeId(next))) now = next
      if (now !== undefined) raise(writers, now.writer, now.seq)
      // One that came to light later is not settled yet.
      else if (pending.has(changeId({ writer, seq: old }))) raise(writers, writer, old)
    }
  }
  // Its own earlier ones are implied.
  writers.delete(author)
  return { ...deps, writers }
}
