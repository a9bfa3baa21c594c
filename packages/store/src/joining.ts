import type { Ledger } from '@syncline/protocol'
import { changeId, nobodys, type Change, type DistilledCell, type WriterId } from '@syncline/stm'
import type { Held, TakenUp } from './held.ts'
import type { Pending } from './pending.ts'

/** What a replica tells of itself beside what it holds. */
export interface JoiningSide {
  knows(change: Pick<Change, 'writer' | 'seq'>): boolean
  isDismissed(writer: WriterId): boolean
  /** Of a writer of which some Changes are missing the last before them. */
  lastWhole(writer: WriterId): number
}

/**
 * What a replica has that has held this, and learns of another log of the space what that has held: each Change counts once, and of the relay's order the one
 * that goes on; `fits` says whether theirs can be the same, or is to take the place of this one. What has come already changes nothing.
 */
export function joined(mine: Held, theirs: TakenUp, side: JoiningSide, fits: boolean | 'instead'): TakenUp {
  const [here, there] = [mine.ledger, theirs.ledger]
  const seen = new Map(there.seqs.map(([writer, seq]) => [writer, seq]))
  // Where what is asked for here was placed only the order itself tells.
  const isBehind =
    fits === 'instead' ||
    (fits && there.relaySeq > here.relaySeq && !mine.envelopes.some(({ change }) => seen.has(change.writer)))
  const seqsHere = new Map(here.seqs.map(([writer, seq]) => [writer, seq]))
  const [ownHere, ownThere] = [ownSeqsOf(here), ownSeqsOf(there)]
  const whole = new Map(Array.from(ownHere, ([writer, seq]) => [writer, Math.min(seq, side.lastWhole(writer))]))
  const choice = chooseOps(whole, ownThere)
  const ended = new Map(there.ended.map(([writer, lastSeq, upTo]) => [writer, { lastSeq, upTo }]))
  const pendingThere = new Set(theirs.pending.map(({ change }) => changeId(change)))

  /** Pending here, and known there to be something else. */
  function isOver({ writer, seq }: Change): boolean {
    const end = ended.get(writer)
    if (end !== undefined && seq > end.lastSeq && seq <= end.upTo) return true
    return isBehind && seq <= (seen.get(writer) ?? 0) && !pendingThere.has(changeId({ writer, seq }))
  }

  const pendingHere = new Set(mine.pending.map(({ change }) => changeId(change)))
  const last = there.browserWriter
  return {
    cells: [
      ...[...((isBehind ? theirs.cells : mine.cells) ?? [])].filter(({ arbiter }) => arbiter !== 'browser'),
      ...[...mine.cells].filter(({ arbiter }) => arbiter === 'browser').map(choice.mine),
      ...(theirs.cells ?? []).filter(({ arbiter }) => arbiter === 'browser').map(choice.theirs),
    ],
    pending: inOrder(
      mine.pending.filter(({ change }) => !isOver(change)),
      theirs.pending.filter(({ change }) => !side.knows(change)),
    ),
    refused: [
      ...mine.refused,
      ...theirs.refused.filter(({ id, change }) => pendingHere.has(id) || !side.knows(change)),
    ],
    envelopes: theirs.envelopes.filter(({ change }) => !side.knows(change) && !side.isDismissed(change.writer)),
    ledger: {
      ...there,
      ...(!isBehind && {
        relaySeq: here.relaySeq,
        stretches: here.stretches,
        joined: here.joined,
        decided: here.decided,
      }),
      seqs: [...new Set([...ownHere.keys(), ...seen.keys()])].flatMap((writer) => {
        const own = Math.max(ownHere.get(writer) ?? 0, ownThere.get(writer) ?? 0)
        const all = Math.max(seqsHere.get(writer) ?? 0, own, isBehind ? (seen.get(writer) ?? 0) : 0)
        return all === 0 ? [] : [[writer, all, own] as const]
      }),
      clocks: [
        Math.max(here.clocks[0], there.clocks[0]),
        Math.max(here.clocks[1], isBehind ? there.clocks[1] : 0),
        Math.max(here.clocks[2], there.clocks[2]),
      ],
      browserWriter: (ownThere.get(last) ?? 0) > (whole.get(last) ?? 0) ? last : here.browserWriter,
      refusals: [
        ...there.refusals.filter(([writer]) => !here.ended.some(([other]) => other === writer)),
        ...here.refusals.filter(([writer]) => !ended.has(writer)),
      ],
      renames: [
        ...here.renames,
        ...there.renames.filter(([cell, writer, seq]) => {
          return !here.renames.some((known) => known[0] === cell && known[1] === writer && known[2] === seq)
        }),
      ],
    },
  }
}

/** Pending Changes of both, where some of theirs may be from before what the same writers have here. */
function inOrder(mine: readonly Pending[], theirs: readonly Pending[]): readonly Pending[] {
  const all = [...mine]
  const writers = new Set(mine.map(({ change }) => change.writer))
  for (const one of theirs) {
    const { writer, seq } = one.change
    const at = writers.has(writer) ? all.findIndex(({ change }) => change.writer === writer && change.seq > seq) : -1
    all.splice(at < 0 ? all.length : at, 0, one)
  }
  return all
}

/** How far the Changes of each writer of a browser are known, with what never leaves it: 0 for those of others. */
type OwnSeqs = ReadonlyMap<WriterId, number>

/** How far they are known to whoever has written a ledger. */
export function ownSeqsOf({ seqs }: Ledger): OwnSeqs {
  return new Map(seqs.map(([writer, seq, own]) => [writer, own < 0 ? seq : own]))
}

/** Which operations on `browser` refs count when two logs become one that may have begun as one. */
interface Choice {
  mine(cell: DistilledCell): DistilledCell
  theirs(cell: DistilledCell): DistilledCell
}

/**
 * Chooses for each writer the log that has seen more of it: what it has added up is then in one of them only, and what that one has overwritten or taken
 * away is not taken from the other. Where one log has seen all that the other has, it counts alone. What was put together of many writers, and says by
 * itself what it has from whom, is taken from both.
 */
function chooseOps(mine: OwnSeqs, theirs: OwnSeqs): Choice {
  const isOlder = (one: OwnSeqs, other: OwnSeqs, writer: WriterId): boolean =>
    (one.get(writer) ?? 0) < (other.get(writer) ?? 0)
  const isAllHere = [...theirs.keys()].every((writer) => !isOlder(mine, theirs, writer))
  const isAllThere = !isAllHere && [...mine.keys()].every((writer) => !isOlder(theirs, mine, writer))

  function only(cell: DistilledCell, counts: (writer: WriterId) => boolean): DistilledCell {
    const ops = cell.ops.filter(({ stamp }) => counts(stamp.writer))
    return ops.length === cell.ops.length ? cell : { ...cell, ops }
  }

  return {
    mine: (cell) => only(cell, (writer) => !isAllThere && !isOlder(mine, theirs, writer)),
    theirs: (cell) =>
      isAllThere
        ? cell
        : only(cell, (writer) => !isAllHere && (writer === nobodys.writer || isOlder(mine, theirs, writer))),
  }
}
