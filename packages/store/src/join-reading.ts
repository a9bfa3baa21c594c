import {
  broughtBackIn,
  concatenated,
  decodeChange,
  decodeEntry,
  decodeHeader,
  entriesOfJoin,
  isPartOfCheckpoint,
  joinFlaw,
  ProtocolError,
  type Covered,
  type DecidedBeside,
  type JoinEntry,
  type Ledger,
} from '@syncline/protocol'
import type { Change, DistilledCell } from '@syncline/stm'
import type { Away } from './away.ts'
import { createCheckpointReading } from './checkpoint-reading.ts'
import type { Pieces } from './pieces.ts'
import { readChange } from './read-change.ts'
import type { Replica } from './replica.ts'

/** What was joined to the relay's log, as it was read. */
export interface ReadJoin {
  readonly cells: readonly DistilledCell[]
  readonly ledger: Ledger
  /** The Changes of the log before it that it has not seen, in order. */
  readonly news: readonly Change[]
  /** The epochs of which it has everything. */
  readonly covers: readonly Covered[]
}

/** Understands what was joined. Throws `ProtocolError` for what makes no sense. `away` says what is passed over. */
export function* readJoin(
  { pieces, before, relaySeq }: JoinEntry,
  space: string,
  replica: Replica,
  away: () => Away,
): Pieces<ReadJoin> {
  const parts: Uint8Array[] = []
  const decidedParts: Uint8Array[] = []
  /** Of what was decided, up to where of which epoch it is, and what it was stamped by at most. */
  let decided: { readonly of: Covered; readonly shift: number } | undefined
  for (const piece of pieces) {
    const { meta } = decodeChange(piece)
    const header = decodeHeader(piece)
    const { deps, join } = header
    yield piece.length
    const flaw = joinFlaw(header)
    if (flaw !== undefined) throw senseless(flaw)
    if (!(meta instanceof Uint8Array)) throw senseless('a piece of it has no bytes')
    if (join?.decided !== undefined)
      decided = { of: [deps.epoch!, deps.relaySeq], shift: deps.relaySeq + join.decided.shift }
    ;(join?.decided === undefined ? parts : decidedParts).push(meta)
  }
  const reading = createCheckpointReading(space, replica, away)
  for (const bytes of entriesOfJoin(concatenated(parts))) {
    const part = decodeEntry(bytes)
    yield bytes.length
    if (!isPartOfCheckpoint(part)) throw senseless(`it has an entry of kind "${part.kind}"`)
    const add = yield* reading.part(part)
    add(false)
    // The last part is there twice, as in a log.
    if (reading.isOver()) break
  }
  const found = reading.take()
  if (found?.ledger === undefined || found.isPartial) throw senseless('a part of it is missing')
  const seen = new Map(found.ledger.seqs.map(([writer, seq]) => [writer, seq]))
  const news: Change[] = []
  const newsRecords: Uint8Array[] = []
  for (const record of before) {
    const change = readChange(record)
    yield record.length
    if (change.seq <= (seen.get(change.writer) ?? 0)) continue
    news.push(change)
    newsRecords.push(record)
  }
  if (news.length >= relaySeq) throw senseless(`${news.length} Changes stand before place ${relaySeq}`)
  const covers = found.ledger.joined ?? []
  const cells = (found.cells ?? []).filter(({ arbiter }) => arbiter !== 'relay')
  if (decided === undefined) return { cells, ledger: { ...found.ledger, decided }, news, covers }
  const brought = broughtBackIn(concatenated(decidedParts))
  const first = relaySeq - news.length
  // What this log has decided does not count beside it before somebody says so.
  const beside = newsRecords.flatMap((record, i): DecidedBeside[] =>
    decodeHeader(record).expectations === undefined ? [] : [[first + i + decided.shift, record]],
  )
  const waits: Ledger['decided'] = [decided.shift, [decided.of], [...brought.beside, ...beside]]
  return { cells: [...cells, ...brought.cells], ledger: { ...found.ledger, decided: waits }, news, covers }
}

function senseless(why: string): ProtocolError {
  return new ProtocolError('malformed', `What was joined to the relay's log makes no sense: ${why}.`)
}
