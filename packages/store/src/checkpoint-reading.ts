import {
  asleepMissing,
  noSleeping,
  noteSleeping,
  type AsleepPending,
  type CheckpointEntry,
  type Directory,
  type KeptNote,
  type KeptPending,
  type KeptRun,
  type Ledger,
  type OlderNote,
  type Sleeping,
} from '@syncline/protocol'
import { cellsOfRows, changeId, type DistilledCell, type DistilledRows } from '@syncline/stm'
import { partsAsleep, partsWanted, type Away, type PartsChosen } from './away.ts'
import { readAsleep, readLocal, readRecord, readRecordInPieces } from './open-log.ts'
import { BYTES_OF_A_CELL, BYTES_OF_A_ROW, type Pieces } from './pieces.ts'
import { withLocalPart } from './read-change.ts'
import type { Choice } from './reading-past.ts'
import type { RefusedChange } from './refused.ts'
import type { Pending } from './pending.ts'
import type { Envelope, Replica } from './replica.ts'

/** A checkpoint that was read, part by part. */
export interface ReadCheckpoint {
  /** Undefined where they lie in the memory already. */
  readonly cells: readonly DistilledCell[] | undefined
  readonly pending: readonly Pending[]
  /** Those that need not be looked at where the ledger says that they are counted. */
  readonly asleep: readonly AsleepPending[]
  /** What tells their names, where it does. */
  readonly directory: Directory | undefined
  /** Whether they were left in the log. */
  readonly isLeft: boolean
  readonly refused: readonly RefusedChange[]
  readonly envelopes: readonly Envelope[]
  readonly undoable: readonly KeptNote[]
  /** In place of these where an older version has written it. */
  readonly notes: readonly OlderNote[]
  /** Undefined when the part that has it is not there. */
  readonly ledger: Ledger | undefined
  /** Whether parts of it are not there. */
  readonly isPartial: boolean
}

/** Puts the parts of a checkpoint together, as they come from the log. */
export interface CheckpointReading extends Choice {
  /**
   * Understands a part, and gives what takes it in. Throws `storage-damaged` and `storage-newer`. With `isReplay` nobody reads before all has come, so cells go where
   * they belong as they come.
   */
  part(entry: CheckpointEntry): Pieces<(isReplay: boolean) => void>
  /** What has come, when no more will: the last part was taken in, or something else stands where the next should. Undefined when nothing has. */
  take(): ReadCheckpoint | undefined
  /** Whether a part has come and the last one has not. */
  isUnderWay(): boolean
  /** Whether all have come. */
  isOver(): boolean
  /** The number of the newest checkpoint of which a part has come; 0 before the first. */
  newest(): number
}

/** Understands pending Changes, as a checkpoint has them. Throws `storage-damaged` and `storage-newer`. */
function* understood(
  kept: readonly (KeptPending | KeptRun)[],
  space: string,
  { pendingOf }: Replica,
): Pieces<readonly Pending[]> {
  const pending: Pending[] = []
  for (const one of kept) {
    if ('run' in one) {
      for (const { change, inverse } of one.run) pending.push(pendingOf(change, { inverse: () => inverse }))
      yield one.run.length * BYTES_OF_A_CELL
      continue
    }
    const [record, local, saw] = one
    const part = readLocal(local, space)
    yield local.length
    const change = withLocalPart(yield* readRecordInPieces(record, space), part)
    pending.push(pendingOf(change, { record, inverse: () => part.inverse, saw: new Map(saw) }))
  }
  return pending
}

/** The same of those that are asleep. */
export function* understoodAsleep(
  lists: readonly AsleepPending[],
  space: string,
  replica: Replica,
): Pieces<readonly Pending[]> {
  const pending: Pending[] = []
  for (const list of lists) {
    yield list[1].length
    // One by one: there may be more than can be passed at once.
    for (const one of yield* understood(readAsleep(list, space), space, replica)) pending.push(one)
  }
  return pending
}

/** Has read nothing yet. `away` says what is passed over, `leaves` whether what is asleep is left in the log. */
export function createCheckpointReading(
  space: string,
  replica: Replica,
  away: () => Away,
  leaves: () => boolean = () => false,
): CheckpointReading {
  const { memory } = replica
  let newest = 0
  /** How many parts have come, or should have. */
  let parts = 0
  /** The last part of the checkpoint that was taken last, when nothing has come since. */
  let last = 0
  let found = emptyFound()

  function addCells(all: readonly DistilledCell[], isReplay: boolean): void {
    const cells = away().present(all)
    if (isReplay && found.cells.length === 0 && memory.lay(cells)) found.isLaid = true
    else if (found.isLaid) throw new Error('Something was committed while the log was replayed.')
    else found.cells.push(cells)
  }

  function addRows(rows: DistilledRows, isReplay: boolean): void {
    const { tag, arbiter, prefix } = rows
    // Members of one collection are here or away together.
    if (away().present([{ tag, arbiter, address: prefix }]).length === 0) return
    if (isReplay && found.cells.length === 0 && memory.layRows(rows)) found.isLaid = true
    else addCells([...cellsOfRows(rows)], isReplay)
  }

  /** Understands the Changes of a part, and gives what adds them. */
  function* understoodPart(entry: CheckpointEntry): Pieces<(isReplay: boolean) => void> {
    if (entry.kind === 'cells') return (isReplay) => addCells(entry.cells, isReplay)
    if (entry.kind === 'rows') {
      yield entry.rows.ids.length * BYTES_OF_A_ROW
      return (isReplay) => addRows(entry.rows, isReplay)
    }
    const rest = entry.rest
    switch (rest[0]) {
      case 'asleep':
      case 'spare':
        return () => noteSleeping(found.sleeping, entry.part, rest)
      case 'pending': {
        const pending = yield* understood(rest[1], space, replica)
        return () => void found.pending.push(...pending)
      }
      case 'refused': {
        const refused = rest[1].map(([record, local, code, message]) => {
          const change = withLocalPart(readRecord(record, space), readLocal(local, space))
          return { id: changeId(change), change, code, message }
        })
        return () => void found.refused.push(...refused)
      }
      case 'asked': {
        const asked = rest[1].map(([by, record, local]): Envelope => {
          const change = withLocalPart(readRecord(record, space), readLocal(local, space))
          return { by, isOurs: false, record: () => record, local: () => local, change }
        })
        return () => void found.envelopes.push(...asked)
      }
      case 'directory':
        return (isReplay) => {
          const isWanted = partsWanted(rest[1], away())
          const isAsleep = partsAsleep(rest[1])
          noteSleeping(found.sleeping, entry.part, rest)
          found.directory = rest[1]
          found.isLeft = isReplay && leaves() && rest[1].asleep !== undefined
          found.isWanted = found.isLeft ? (part) => isWanted(part) && !isAsleep(part) : isWanted
        }
      case 'undoable':
        return () => void found.undoable.push(...rest[1])
      case 'notes':
        return () => void found.notes.push(...rest[1])
      case 'ledger':
        return () => void (found.ledger = rest[1])
    }
  }

  return {
    *part(entry) {
      const add = yield* understoodPart(entry)
      return (isReplay) => {
        // The last part stands there twice.
        if (parts === 0 && entry.checkpoint === newest && entry.part === last) return
        last = 0
        if (entry.part === 1 || entry.checkpoint !== newest) {
          if (found.isLaid) memory.restore([], replica.basis())
          found = emptyFound()
          parts = 0
        }
        newest = entry.checkpoint
        while (parts + 1 < entry.part && !found.isWanted(parts + 1)) parts += 1
        parts += 1
        found.missing += entry.part - parts
        parts = entry.part
        add(isReplay)
      }
    },
    take() {
      if (parts === 0) return undefined
      const { cells, ledger, missing, isLaid, isWanted: _, sleeping, ...lists } = found
      const asleep = wholeAsleep(sleeping)
      if (ledger !== undefined) last = parts
      parts = 0
      found = emptyFound()
      return {
        ...lists,
        asleep,
        cells: isLaid ? undefined : cells.flat(),
        ledger,
        isPartial: missing > asleep.length - sleeping.lists.size || ledger === undefined,
      }
    },
    directory: () => found.directory,
    isWanted: (part) => found.isWanted(part),
    isUnderWay: () => parts > 0 && found.ledger === undefined,
    isOver: () => parts > 0 && found.ledger !== undefined,
    newest: () => newest,
  }
}

interface Found {
  readonly cells: (readonly DistilledCell[])[]
  readonly pending: Pending[]
  readonly sleeping: Sleeping
  directory: Directory | undefined
  isLeft: boolean
  readonly refused: RefusedChange[]
  readonly envelopes: Envelope[]
  readonly undoable: KeptNote[]
  readonly notes: OlderNote[]
  ledger: Ledger | undefined
  /** How many parts should have come and have not. */
  missing: number
  /** Which parts must come. */
  isWanted: PartsChosen
  /** Whether the cells lie in the memory. */
  isLaid: boolean
}

/** The lists of those that are asleep, in order. Where one of them is not there, the others make it. */
function wholeAsleep(sleeping: Sleeping): readonly AsleepPending[] {
  const { lists } = sleeping
  const again = asleepMissing(sleeping)
  const all = again === undefined ? [...lists] : [...lists, again].sort(([one], [other]) => one - other)
  return all.map(([, list]) => list)
}

function emptyFound(): Found {
  return {
    cells: [],
    pending: [],
    sleeping: noSleeping(),
    directory: undefined,
    isLeft: false,
    refused: [],
    envelopes: [],
    undoable: [],
    notes: [],
    ledger: undefined,
    missing: 0,
    isWanted: () => true,
    isLaid: false,
  }
}
