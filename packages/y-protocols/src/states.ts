import { decodeEntry, entriesOfJoin, epochAt, type LogEntry, type Stretch } from '@syncline/protocol'
import type { DistilledCell, Epoch } from '@syncline/stm'

/** What a checkpoint has of cells, and up to where in the log it stands. Throws `ProtocolError` for what is none. */
export function cellsOfCheckpoint(bytes: Uint8Array): {
  readonly cells: readonly DistilledCell[]
  readonly epoch: Epoch | null
  readonly relaySeq: number
} {
  const entry = decodeEntry(bytes)
  const parts = entry.kind === 'whole' ? entry.parts : []
  let relaySeq = 0
  let stretches: readonly Stretch[] = []
  for (const part of parts) {
    if (part.kind !== 'rest' || part.rest[0] !== 'ledger') continue
    ;({ relaySeq } = part.rest[1])
    stretches = part.rest[1].stretches.map(([epoch, first]) => ({ epoch, first }))
  }
  return { cells: parts.flatMap(cellsIn), epoch: epochAt(stretches, relaySeq), relaySeq }
}

/** What was joined to a log has of cells. Throws `ProtocolError` for what is none. */
export function cellsOfJoin(bytes: Uint8Array): readonly DistilledCell[] {
  return entriesOfJoin(bytes).flatMap((entry) => cellsIn(decodeEntry(entry)))
}

function cellsIn(entry: LogEntry): readonly DistilledCell[] {
  return entry.kind === 'cells' ? entry.cells : []
}
