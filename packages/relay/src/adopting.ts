import {
  broughtBackIn,
  concatenated,
  decidedBytes,
  decodeChange,
  decodeHeader,
  encodeChange,
  isCovered,
  ProtocolError,
} from '@syncline/protocol'
import type { Adoption, BroughtBack, ChangeHeader, Covered, Taken, TouchedRef } from '@syncline/protocol'
import { emptyBasis, type DistilledCell, type WriterId } from '@syncline/stm'
import { Arbitration, type DecidedState } from './arbitration.ts'
import type { Joined } from './basis-flaw.ts'
import { RelayError } from './errors.ts'
import type { RelayLimits } from './limits.ts'

/** What an operator may decide about what a join has brought back of `relay` refs. */
export interface AdoptOptions {
  /**
   * `brought back`: what others had before the relay lost it. What this log has decided since is judged again on top of that, in its order; what does not fit is taken back. `log`: what this log has decided
   * stands, and of what was brought back nothing.
   */
  readonly take: Exclude<Taken, 'same'>
  /** The relaySeq of the last piece of the join that the operator has looked at. With another one in its place nothing is adopted. */
  readonly joinedAt?: number | undefined
}

/** What an adoption has done. */
export interface Adopted {
  /** Where it stands in the log. */
  readonly relaySeq: number
  /** How many `relay` refs hold something now. */
  readonly refs: number
  /** What this log had decided and is no more. */
  readonly takenBack: readonly TakenBack[]
}

/** A Change that this log had accepted. What it has written to refs that merge stays. */
export interface TakenBack {
  /** Where it stands in the log; 0 for one of a log that was lost as well. */
  readonly relaySeq: number
  readonly writer: WriterId
  /** In microseconds since 1970, as its author believed. */
  readonly at: number
  readonly refs: readonly TouchedRef[]
}

/** What `relay` refs are to hold. */
export interface ToBeAdopted extends Adoption {
  readonly cells: readonly DistilledCell[]
  readonly takenBack: readonly TakenBack[]
}

/** A log in which something is to be adopted, and what its `relay` refs hold at its end. */
interface AdoptingLog {
  readonly space: string
  readonly joined: Joined | undefined
  /** Where its last adoption stands, and of which epochs nothing has to be adopted any more. */
  readonly adoptedAt: number
  readonly adopted: readonly Covered[]
  /** Of its end, when it was studied. */
  readonly arbitration: Arbitration
  study(): Promise<void>
  readonly limits: RelayLimits
  /** Reads it behind a relaySeq, up to another one or its end. */
  readOn(after: number, upTo: number, take: (record: Uint8Array, relaySeq: number) => void): Promise<void>
}

/** Finds out what an operator's decision comes to. A `RelayError` says why there is nothing to be adopted. Rejects as reading does, and with `ProtocolError` where what was brought back makes no sense. */
export async function whatToAdopt(
  { take, joinedAt }: AdoptOptions,
  { space, joined, adoptedAt, adopted, arbitration, study, limits, readOn }: AdoptingLog,
): Promise<ToBeAdopted | RelayError> {
  if (!mayBeAdopted(joined, adoptedAt))
    return new RelayError('nothing-waits', `In "${space}" nothing waits to be adopted.`)
  if (joinedAt !== undefined && joinedAt !== joined.last) {
    const message = `In "${space}" something else was brought back than that, up to Change ${joined.last} of its log. Look again.`
    return new RelayError('nothing-waits', message)
  }
  await study()
  const pieces: Uint8Array[] = []
  await readOn(joined.first - 1, joined.last, (record) => void pieces.push(record))
  const brought = broughtIn(pieces)
  const covers = coversOf(take, joined, adopted)
  // What it has decided is not later than what comes after it, whatever somebody says of a log that was lost.
  if (take === 'log')
    return { cells: arbitration.cells(), shift: arbitration.shift, taken: take, covers, takenBack: [] }
  const shift = Math.max(arbitration.shift, brought.shift)
  const again = judgeAgain(brought, shift, limits)
  await readOn(joined.base, Infinity, again.take)
  return { cells: again.cells(), shift, taken: take, covers, takenBack: again.takenBack }
}

/** Whether what was joined may be adopted, in a log whose last adoption stands at `adoptedAt`. */
export function mayBeAdopted(joined: Joined | undefined, adoptedAt: number): joined is Joined {
  return joined?.decided !== undefined && adoptedAt < joined.last
}

/** Whether it has to be, before anything else is decided: nobody has said yet what counts of the epoch that it is of. */
export function hasToBeAdopted(joined: Joined | undefined, adopted: readonly Covered[]): boolean {
  return joined?.decided !== undefined && !isCovered(adopted, joined.covers.at(-1)!)
}

/** Of which epochs nothing has to wait any more when something of a join was adopted. What is the same says nothing of what came later there. */
export function coversOf(taken: Taken, joined: Joined, before: readonly Covered[]): readonly Covered[] {
  const covers = new Map(before)
  for (const [epoch, relaySeq] of joined.covers) {
    const upTo = taken === 'same' ? relaySeq : Number.MAX_SAFE_INTEGER
    covers.set(epoch, Math.max(upTo, covers.get(epoch) ?? 0))
  }
  return [...covers]
}

/** What was brought back of `relay` refs. */
export interface Brought extends DecidedState, BroughtBack {
  /** How far the join has seen each writer. */
  readonly seen: ReadonlyMap<WriterId, number>
}

/** Reads it from the pieces of a join. What was stamped there is not later than what its shift gives from now on. Throws `ProtocolError` for what is none. */
export function broughtIn(pieces: Iterable<Uint8Array>): Brought {
  const parts: Uint8Array[] = []
  const seen = new Map<WriterId, number>()
  let shift = 0
  for (const piece of pieces) {
    const { deps, join } = decodeHeader(piece)
    for (const [writer, seq] of deps.writers) seen.set(writer, seq)
    if (join?.decided === undefined) continue
    shift = deps.relaySeq + join.decided.shift
    const { meta } = decodeChange(piece)
    if (meta instanceof Uint8Array) parts.push(meta)
  }
  return { ...broughtBackIn(concatenated(parts)), shift, seen }
}

/**
 * Reads it, and what the relay makes of the cells, before it is in the log. Throws for what nobody could adopt: bytes that are none, cells that make no sense, or stamps that are later than those
 * that come after them would be.
 */
export function broughtFrom(
  pieces: readonly Uint8Array[],
  limits: RelayLimits,
): Brought & { readonly held: readonly DistilledCell[] } {
  const brought = broughtIn(pieces)
  const held = new Arbitration(limits, brought).cells()
  const stamps = brought.beside.map(([at, record]) => {
    decodeHeader(record)
    return at
  })
  for (const { ops } of brought.cells) for (const { stamp } of ops) stamps.push(stamp.at)
  const late = stamps.find((at) => at > brought.shift)
  if (late !== undefined)
    throw new ProtocolError('malformed', `Of what ends at ${brought.shift} something is of ${late}.`)
  return { ...brought, held }
}

/** Whether it is what a log has decided itself. */
export function isSame({ beside, held }: ReturnType<typeof broughtFrom>, own: readonly DistilledCell[]): boolean {
  if (beside.length > 0) return false
  const [one, other] = [decidedBytes(held), decidedBytes(own)]
  return one.length === other.length && one.every((byte, at) => byte === other[at])
}

/** Judges again what a log has decided, on what was brought back. */
interface JudgingAgain {
  /** Takes the next Changes of the log that may be such. */
  take(record: Uint8Array, relaySeq: number): void
  cells(): readonly DistilledCell[]
  readonly takenBack: readonly TakenBack[]
}

function judgeAgain({ cells, beside, seen }: Brought, shift: number, limits: RelayLimits): JudgingAgain {
  const arbitration = new Arbitration(limits, { cells, shift })
  const takenBack: TakenBack[] = []
  /** What was judged, where a log that has lost some of it has the rest. */
  const judged = new Set<WriterId>()

  function judge(record: Uint8Array, header: ChangeHeader, relaySeq: number, place: number): void {
    const { writer, at, touched } = header
    if (header.expectations === undefined || judged.has(writer)) return
    judged.add(writer)
    arbitration.pass(place - 1)
    const flaw = arbitration.flawIn({ record }, header)
    if (flaw === undefined) return arbitration.fold(record, header)
    const refs = touched.filter(({ arbiter }) => arbiter === 'relay')
    if (refs.length > 0) takenBack.push({ relaySeq, writer, at, refs })
  }

  for (const [at, record] of beside) judge(record, decodeHeader(record), 0, at - shift)
  return {
    take(record, relaySeq) {
      const header = decodeHeader(record)
      if (header.seq > (seen.get(header.writer) ?? 0)) judge(record, header, relaySeq, relaySeq)
    },
    cells: () => arbitration.cells(),
    takenBack,
  }
}

/** The record that says what `relay` refs hold from here on. */
export function adoptionOf(
  cells: readonly DistilledCell[],
  adoption: Adoption,
  writer: WriterId,
  at: number,
): Uint8Array {
  const change = { writer, seq: 1, deps: emptyBasis, at, ops: [], effects: [], meta: decidedBytes(cells) }
  return encodeChange(change, [], undefined, undefined, { adoption })
}
