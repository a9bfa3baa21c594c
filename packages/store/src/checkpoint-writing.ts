import {
  createCellsEntry,
  encodeChange,
  encodeEntry,
  encodeLocal,
  type KeptEnvelope,
  type KeptNote,
  type KeptPending,
  type KeptRefused,
  type PartOfCheckpoint,
  type Rest,
} from '@syncline/protocol'
import type { DistilledCell, Portion } from '@syncline/stm'
import type { Away } from './away.ts'
import type { Held } from './held.ts'
import { localPart, sharedPart } from './read-change.ts'

/** About so long is a part: a few milliseconds of work, and what one damaged record takes along. */
const PART_BYTES = 64 * 1024

/**
 * The entries of a checkpoint, the last part as the last. Each is made when it is asked for, which is as much work as is to be done in one go. Documents are
 * in parts of their own, behind the others: they are large, and looked at later or never. So are portions that are `apart`; `gone` are cells of such that are not in the
 * memory. `onPending` is told how many bytes each pending Change takes. What it returns, if anything, stands before all others.
 */
export function* partsOf(
  held: Held,
  notes: readonly KeptNote[],
  checkpoint: number,
  onPending: (bytes: number) => void,
  { apart, portions }: Pick<Away, 'apart' | 'portions'>,
  gone: readonly DistilledCell[],
): Generator<Uint8Array, Uint8Array | undefined> {
  const rows = new Map(Array.from(portions, (portion) => [portion, { first: 0, parts: 0, bytes: 0 }]))
  const hasDirectory = rows.size > 0
  let part = hasDirectory ? 1 : 0
  const next = (): PartOfCheckpoint => ({ checkpoint, part: (part += 1) })
  const documents: DistilledCell[] = []

  function* cells(all: Iterable<DistilledCell>, isLater: (cell: DistilledCell) => boolean): Iterable<Uint8Array> {
    let entry: ReturnType<typeof createCellsEntry> | undefined
    /** That of what is in the entry. */
    let portion: Portion | undefined

    function finish(): Uint8Array {
      const bytes = entry!.finish()
      entry = undefined
      const row = portion === undefined ? undefined : rows.get(portion)
      if (row !== undefined) {
        row.first ||= part
        row.parts += 1
        row.bytes += bytes.length
      }
      return bytes
    }

    for (const cell of all) {
      if (cell.ops.length === 0) continue
      if (isLater(cell)) {
        documents.push(cell)
        continue
      }
      const own = hasDirectory ? apart(cell) : undefined
      if (own !== portion && entry !== undefined) yield finish()
      portion = own
      entry ??= createCellsEntry(next())
      entry.add(cell)
      if (entry.length >= PART_BYTES) yield finish()
    }
    if (entry !== undefined) yield finish()
  }

  function encoded(rest: Rest, isLast = false): Uint8Array {
    return encodeEntry({ kind: 'rest', ...next(), isLast, rest })
  }

  function* listed<T>(items: Iterable<T>, restOf: (some: readonly T[]) => Rest): Iterable<Uint8Array> {
    let some: T[] = []
    let size = 0
    for (const item of items) {
      some.push(item)
      size += sizeOf(item)
      if (size < PART_BYTES) continue
      yield encoded(restOf(some))
      some = []
      size = 0
    }
    if (some.length > 0) yield encoded(restOf(some))
  }

  yield* cells(held.cells, isDocument)
  yield* cells(documents, () => false)
  yield* cells(gone, () => false)
  const lastOfCells = part
  yield* listed(pendingIn(held, onPending), (some) => ['pending', some])
  yield* listed(refusedIn(held), (some) => ['refused', some])
  yield* listed(askedIn(held), (some) => ['asked', some])
  yield* listed(notes, (some) => ['notes', some])
  const last = encoded(['ledger', held.ledger], true)
  // Without it nobody knows what all the others are of, so it stands there twice.
  yield last
  yield last
  if (!hasDirectory) return undefined
  const entries = part + 1
  const all = Array.from(rows, ([name, row]) => [name, row.first, row.parts, row.bytes] as const)
  part = 0
  return encoded(['directory', { entries, lastOfCells, portions: all }])
}

/** About how many bytes some data takes. */
function sizeOf(data: unknown): number {
  if (data instanceof Uint8Array) return data.length
  if (typeof data === 'string') return data.length
  if (Array.isArray(data)) return data.reduce((sum: number, item: unknown) => sum + sizeOf(item), 2)
  return typeof data === 'object' && data !== null ? sizeOf(Object.entries(data)) : 4
}

/** Only what Yjs merges is bytes. */
function isDocument({ ops }: DistilledCell): boolean {
  return ops[0]!.payload instanceof Uint8Array
}

function* pendingIn({ pending }: Held, onPending: (bytes: number) => void): Iterable<KeptPending> {
  for (const one of pending) {
    const [record, local] = [one.record(), one.local()]
    onPending(record.length + local.length)
    yield [record, local, [...one.saw]]
  }
}

function* refusedIn({ refused }: Held): Iterable<KeptRefused> {
  for (const { change, code, message } of refused) {
    yield [encodeChange(sharedPart(change)), encodeLocal({ ...localPart(change), inverse: null }), code, message]
  }
}

function* askedIn({ envelopes }: Held): Iterable<KeptEnvelope> {
  for (const { by, record, local } of envelopes) yield [by, record(), local()]
}
