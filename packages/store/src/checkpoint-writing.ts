import {
  asleepOf,
  createCellsEntry,
  encodeChange,
  encodeEntry,
  encodeLocal,
  gatherRows,
  spareWith,
  type AsleepPending,
  type Directory,
  type KeptEnvelope,
  type KeptNote,
  type KeptPending,
  type KeptRefused,
  type PartOfCheckpoint,
  type Rest,
  type RowsGathering,
  type SpareAsleep,
} from '@syncline/protocol'
import { cellsOfRows, type DistilledCell, type Portion } from '@syncline/stm'
import { withNames, type Sleepers } from './asleep.ts'
import type { Away } from './away.ts'
import type { Held } from './held.ts'
import { inRuns } from './in-runs.ts'
import type { Pending } from './pending.ts'
import { localPart, sharedPart } from './read-change.ts'

/**
 * About so long is a part: a few milliseconds of work, and what one damaged record takes along. Not less than 64 KiB: Chromium keeps what is longer beside its table, from where it comes
 * several times sooner.
 */
const PART_BYTES = 66 * 1024

/** Fewer are not worth an entry of their own. */
const LEAST_ROWS = 8
/** Cells of so many kinds are gathered at the same time. */
const MOST_GATHERINGS = 16

/**
 * The entries of a checkpoint, the last part as the last. Each is made when it is asked for, which is as much work as is to be done in one go. Documents are
 * in parts of their own, behind the others: they are large, and looked at later or never. So are portions that are `apart`; `gone` are cells of such that are not in the
 * memory. `asleep` are the pending Changes that are, as the log has them; `onPending` is told how many bytes each of all takes. What it returns, if anything, stands before
 * all others.
 */
export function* partsOf(
  held: Held,
  notes: readonly KeptNote[],
  checkpoint: number,
  asleep: readonly AsleepPending[],
  onPending: (bytes: number) => void,
  { apart, portions }: Pick<Away, 'apart' | 'portions'>,
  gone: readonly DistilledCell[],
): Generator<Uint8Array, Uint8Array | undefined> {
  const rows = new Map(Array.from(portions, (portion) => [portion, { first: 0, parts: 0, bytes: 0 }]))
  const isCounted = held.ledger.counted !== undefined
  const hasDirectory = rows.size > 0 || isCounted
  let part = hasDirectory ? 1 : 0
  const next = (): PartOfCheckpoint => ({ checkpoint, part: (part += 1) })
  const documents: DistilledCell[] = []

  /** Cells that are alike make rows, which are read in a fraction of the time; the others stand one by one. */
  function* cells(all: Iterable<DistilledCell>, isLater: (cell: DistilledCell) => boolean): Iterable<Uint8Array> {
    let entry: ReturnType<typeof createCellsEntry> | undefined
    let gatherings: RowsGathering[] = []
    /** That of what has been gathered. */
    let portion: Portion | undefined

    function noted(bytes: Uint8Array): Uint8Array {
      const row = portion === undefined ? undefined : rows.get(portion)
      if (row !== undefined) {
        row.first ||= part
        row.parts += 1
        row.bytes += bytes.length
      }
      return bytes
    }

    function* finishCells(): Iterable<Uint8Array> {
      if (entry === undefined) return
      const bytes = entry.finish()
      entry = undefined
      yield noted(bytes)
    }

    function* addCell(cell: DistilledCell): Iterable<Uint8Array> {
      entry ??= createCellsEntry(next())
      entry.add(cell)
      if (entry.length >= PART_BYTES) yield* finishCells()
    }

    function* finish(gathering: RowsGathering): Iterable<Uint8Array> {
      const found = gathering.rows()
      if (gathering.count < LEAST_ROWS) {
        for (const cell of cellsOfRows(found)) yield* addCell(cell)
        return
      }
      // Parts are numbered as they begin.
      yield* finishCells()
      yield noted(encodeEntry({ kind: 'rows', ...next(), rows: found }))
    }

    function* finishAll(): Iterable<Uint8Array> {
      for (const one of gatherings) yield* finish(one)
      gatherings = []
      yield* finishCells()
    }

    for (const cell of all) {
      if (cell.ops.length === 0) continue
      if (isLater(cell)) {
        documents.push(cell)
        continue
      }
      const own = hasDirectory ? apart(cell) : undefined
      if (own !== portion) {
        yield* finishAll()
        portion = own
      }
      let at = gatherings.findIndex((one) => one.add(cell))
      if (at === -1) {
        const begun = gatherRows(cell)
        if (begun === undefined) {
          yield* addCell(cell)
          continue
        }
        at = gatherings.push(begun) - 1
      }
      const gathering = gatherings[at]!
      if (gathering.length >= PART_BYTES || gatherings.length > MOST_GATHERINGS) {
        const [full] = gatherings.splice(gathering.length >= PART_BYTES ? at : 0, 1)
        yield* finish(full!)
      }
    }
    yield* finishAll()
  }

  function encoded(rest: Rest, isLast = false): Uint8Array {
    return encodeEntry({ kind: 'rest', ...next(), isLast, rest })
  }

  function* listed<T>(
    items: Iterable<T>,
    restOf: (some: readonly T[]) => Rest,
    sizeOfOne: (item: T) => number = sizeOf,
  ): Iterable<Uint8Array> {
    let some: T[] = []
    let size = 0
    for (const item of items) {
      const own = sizeOfOne(item)
      if (some.length > 0 && size + own > PART_BYTES) {
        yield encoded(restOf(some))
        some = []
        size = 0
      }
      some.push(item)
      size += own
    }
    if (some.length > 0) yield encoded(restOf(some))
  }

  let spare: SpareAsleep | undefined

  function leftAsleep(one: AsleepPending): Rest {
    spare = spareWith(spare, one)
    return ['asleep', one]
  }

  function putToSleep(pending: readonly Pending[]): Rest {
    return leftAsleep(asleepOf(inRuns(pending).map((part) => ('bare' in part ? keptOf(part) : { run: part }))))
  }

  /** Those that are as the log has them, and behind them those that fall asleep. */
  function* sleeping(): Iterable<Uint8Array> {
    for (const one of asleep) yield encoded(leftAsleep(one))
    yield* listed(held.pending, putToSleep, sizeOfPending)
  }

  yield* cells(held.cells, isDocument)
  yield* cells(documents, () => false)
  yield* cells(gone, () => false)
  const lastOfCells = part
  let bytesAsleep = 0
  if (isCounted) {
    for (const bytes of sleeping()) {
      bytesAsleep += bytes.length
      onPending(bytes.length)
      yield bytes
    }
    if (spare !== undefined) yield encoded(['spare', spare])
  } else yield* listed(keptIn(held, onPending), (some) => ['pending', some])
  const lastAsleep = part
  yield* listed(refusedIn(held), (some) => ['refused', some])
  yield* listed(askedIn(held), (some) => ['asked', some])
  yield* listed(notes, (some) => ['undoable', some])
  const last = encoded(['ledger', held.ledger], true)
  // Without it nobody knows what all the others are of, so it stands there twice.
  yield last
  yield last
  if (!hasDirectory) return undefined
  const entries = part + 1
  const directory: Directory = {
    entries,
    lastOfCells,
    portions: Array.from(rows, ([name, row]) => [name, row.first, row.parts, row.bytes]),
    ...(isCounted && { asleep: [lastOfCells + 1, lastAsleep - lastOfCells, bytesAsleep, namesIn(held)] }),
  }
  part = 0
  return encoded(['directory', directory])
}

/** The names of all that is pending, of which nobody need look at any. */
function namesIn({ asleep, pending }: Held): Sleepers {
  return withNames(
    asleep,
    pending.map(({ change }) => change),
  )
}

/** About how many bytes some data takes. */
function sizeOf(data: unknown): number {
  if (data instanceof Uint8Array) return data.length
  if (typeof data === 'string') return data.length
  if (Array.isArray(data)) return data.reduce((sum: number, item: unknown) => sum + sizeOf(item), 2)
  return typeof data === 'object' && data !== null ? sizeOf(Object.entries(data)) : 4
}

/** The same of a Change: who makes many small ones has little more in them. */
function sizeOfPending({ change, inverse }: Pending): number {
  return sizeOf(inverse()) + sizeOf(change.ops.map(({ payload }) => payload))
}

/** Only what Yjs merges is bytes. */
function isDocument({ ops }: DistilledCell): boolean {
  return ops[0]!.payload instanceof Uint8Array
}

function* keptIn({ pending }: Held, onPending: (bytes: number) => void): Iterable<KeptPending> {
  for (const one of pending) {
    const kept = keptOf(one)
    onPending(kept[0].length + kept[1].length)
    yield kept
  }
}

function keptOf(one: Pending): KeptPending {
  return [one.record(), one.local(), [...one.saw]]
}

function* refusedIn({ refused }: Held): Iterable<KeptRefused> {
  for (const { change, code, message } of refused) {
    yield [encodeChange(sharedPart(change)), encodeLocal({ ...localPart(change), inverse: null }), code, message]
  }
}

function* askedIn({ envelopes }: Held): Iterable<KeptEnvelope> {
  for (const { by, record, local } of envelopes) yield [by, record(), local()]
}
