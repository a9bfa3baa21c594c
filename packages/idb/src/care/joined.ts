import {
  asleepMissing,
  crc32c,
  encodeEntry,
  isPartOfCheckpoint,
  noSleeping,
  noteSleeping,
  type CheckpointEntry,
  type Ledger,
  type LogEntry,
  type PartOfCheckpoint,
  type Rest,
} from '@syncline/protocol'
import type { DistilledCell, DistilledRows } from '@syncline/stm'

/** A part of a checkpoint: of the one that stands for its own log, or of one that was joined to it. */
export interface Part {
  readonly isJoined: boolean
  readonly of: CheckpointEntry
}

/** A checkpoint in the form in which it comes to another log, and what is in it. */
export interface JoinedCheckpoint {
  readonly entries: readonly Uint8Array[]
  /** Undefined when it is damaged. */
  readonly ledger: Ledger | undefined
  /** The records of what is not decided. */
  readonly asked: readonly Uint8Array[]
}

/** The part that an entry is, if it is one. */
export function partIn(entry: LogEntry): Part | undefined {
  if (entry.kind === 'joined') return { isJoined: true, of: entry.part }
  return isPartOfCheckpoint(entry) ? { isJoined: false, of: entry } : undefined
}

/**
 * What of a checkpoint may not be where `relaySeq` is known of the relay's order: of the order nothing, unless the checkpoint has more of it and is whole. The
 * same for the same parts, and the last one twice.
 */
export function joinedOf(there: readonly Part[], relaySeq: number): JoinedCheckpoint {
  const parts = madeWhole(there)
  const found = parts.flatMap(({ of }) => (of.kind === 'rest' && of.rest[0] === 'ledger' ? [of.rest[1]] : []))[0]
  const isWhole = parts.every(
    ({ of }, i) => of.part === (parts[i - 1]?.of.part ?? 0) + 1 || of.part === parts[i - 1]?.of.part,
  )
  const isAhead = found !== undefined && isWhole && found.relaySeq > relaySeq
  const ledger = isAhead ? found : found && { ...uncounted(found), relaySeq: 0, stretches: [] }
  const bodies: (Rest | DistilledRows | readonly DistilledCell[])[] = []
  const asked: Uint8Array[] = []
  for (const { of } of parts) {
    if (of.kind === 'cells') {
      const cells = isAhead ? of.cells : of.cells.filter(({ arbiter }) => arbiter === 'browser')
      if (cells.length > 0) bodies.push(cells)
      continue
    }
    if (of.kind === 'rows') {
      if (isAhead || of.rows.arbiter === 'browser') bodies.push(of.rows)
      continue
    }
    if (of.rest[0] === 'asked') asked.push(...of.rest[1].map(([, record]) => record))
    // It tells of the parts that were, and the spare is for these.
    if (of.rest[0] !== 'ledger' && of.rest[0] !== 'directory' && of.rest[0] !== 'spare') bodies.push(of.rest)
  }
  const last: Rest | undefined = ledger && ['ledger', ledger]
  const checkpoint = last === undefined ? 1 : numberOf(last)
  const entries = bodies.map((body, i) => {
    const place = { checkpoint, part: i + 1 }
    return encodeEntry({ kind: 'joined', part: partOf(body, place) })
  })
  if (last !== undefined) {
    const part = { kind: 'rest', checkpoint, part: bodies.length + 1, isLast: true, rest: last } as const
    const entry = encodeEntry({ kind: 'joined', part })
    entries.push(entry, entry)
  }
  return { entries, ledger, asked }
}

/** The same parts, and the one of pending Changes that the others make where it is not there. */
function madeWhole(parts: readonly Part[]): readonly Part[] {
  const sleeping = noSleeping()
  for (const { of } of parts) if (of.kind === 'rest') noteSleeping(sleeping, of.part, of.rest)
  const again = asleepMissing(sleeping)
  if (again === undefined) return parts
  const [part, list] = again
  const { isJoined, of } = parts[0]!
  const made: Part = {
    isJoined,
    of: { kind: 'rest', checkpoint: of.checkpoint, part, isLast: false, rest: ['asleep', list] },
  }
  return [...parts, made].sort((one, other) => one.of.part - other.of.part)
}

/** Of the cells that count what is pending none is left then. */
function uncounted(ledger: Ledger): Ledger {
  const { counted: _, ...others } = ledger
  return others
}

function partOf(body: Rest | DistilledRows | readonly DistilledCell[], place: PartOfCheckpoint): CheckpointEntry {
  const isRest = (one: typeof body): one is Rest => Array.isArray(one) && typeof one[0] === 'string'
  const isRows = (one: typeof body): one is DistilledRows => 'columns' in one
  if (isRest(body)) return { kind: 'rest', ...place, isLast: false, rest: body }
  return isRows(body) ? { kind: 'rows', ...place, rows: body } : { kind: 'cells', ...place, cells: body }
}

/** No count, for logs count by themselves: two that stand one behind the other have different ones. */
function numberOf(rest: Rest): number {
  const bytes = encodeEntry({ kind: 'rest', checkpoint: 1, part: 1, isLast: true, rest })
  // Not of its checksum too, with which all have the same.
  return crc32c(bytes, 0, bytes.length - 4) || 1
}
