import type { ChangeId, DistilledCell, DistilledRows, Epoch, Value, WriterId } from '@syncline/stm'
import { readCells, writeCells, type CellsWriter } from './cells.ts'
import { MIN_CHANGE_BYTES } from './change.ts'
import { ProtocolError } from './errors.ts'
import type { ByteReader } from './reader.ts'
import { isRest, type Rest } from './rest.ts'
import { readRows, writeRows } from './rows.ts'
import { readRun, writeRun, type RunChange } from './run.ts'
import { seal, unseal } from './seal.ts'
import type { Stretch } from './stretches.ts'
import { readValue, writeValue } from './value.ts'
import { ByteWriter } from './writer.ts'

/** One entry of the log that a client keeps of a space. */
export type LogEntry = SingleEntry | TogetherEntry | CheckpointEntry | JoinedEntry | WholeEntry

/** What an entry says by itself. */
export type SingleEntry =
  | CommitsEntry
  | RunEntry
  | OrderedEntry
  | RefusedEntry
  | EndedEntry
  | DroppedEntry
  | PreparedEntry
  | DecidedEntry
  | JoinEntry

/** One part of a checkpoint, which stands for all that was in the log before it. */
export type CheckpointEntry = CellsEntry | RowsEntry | RestEntry

/** What one task of one tab committed. */
export interface CommitsEntry {
  readonly kind: 'commits'
  /** `local` is the part of a Change that never leaves the browser; empty when there is none. */
  readonly changes: readonly { readonly record: Uint8Array; readonly local: Uint8Array }[]
}

/**
 * What one task of one tab committed, of Changes that have no effects, no Yjs clients and nothing for this browser alone: in a fraction of the
 * bytes. Their records are those that `encodeChange` gives.
 */
export interface RunEntry {
  readonly kind: 'run'
  /** Of one writer, in the order of their seqs without a gap, and with the same `deps`; one at least. */
  readonly changes: readonly RunChange[]
}

/** A run of the relay's order. */
export interface OrderedEntry {
  readonly kind: 'ordered'
  readonly epoch: Epoch
  /** The relaySeq of the first item, from which they count up. */
  readonly first: number
  /** Records; a pair stands for a Change whose record is in this log already. */
  readonly items: readonly (Uint8Array | { readonly writer: WriterId; readonly seq: number })[]
}

/** The relay refused a Change, and with it all later ones of its writer. */
export interface RefusedEntry {
  readonly kind: 'refused'
  readonly writer: WriterId
  readonly seq: number
  readonly code: string
  readonly message: string
}

/** What became of a refused writer's Changes after `lastSeq`, all at once: refused for good, or made anew under another writer. */
export interface EndedEntry {
  readonly kind: 'ended'
  readonly writer: WriterId
  /** The last seq of this writer that stands in the log. */
  readonly lastSeq: number
  readonly refused: readonly { readonly record: Uint8Array; readonly code: string; readonly message: string }[]
  readonly reauthored: readonly Uint8Array[]
}

/** Refused Changes that were taken off the list. */
export interface DroppedEntry {
  readonly kind: 'dropped'
  readonly changes: readonly ChangeId[]
}

/** A Change that the relay is to decide about. It counts from when the relay's order names it, or never. */
export interface PreparedEntry {
  readonly kind: 'prepared'
  /** An id of the tab that made it, which lives as long as it holds the lock of that name. */
  readonly by: WriterId
  readonly record: Uint8Array
  /** As in `CommitsEntry`. */
  readonly local: Uint8Array
}

/** The relay has not accepted the prepared Change of this writer. */
export interface DecidedEntry {
  readonly kind: 'decided'
  readonly writer: WriterId
  readonly code: string
  readonly message: string
}

/** What was joined to the relay's log stands in place of all that was known of it, and the order goes on behind it. */
export interface JoinEntry {
  readonly kind: 'join'
  readonly epoch: Epoch
  /** The relaySeq of its last piece. */
  readonly relaySeq: number
  /** What was known of the log before, up to which relaySeq and in which epochs: who knew no more has nothing that this has not. */
  readonly known: { readonly relaySeq: number; readonly stretches: readonly Stretch[] }
  /** The records of its pieces, in order. */
  readonly pieces: readonly Uint8Array[]
  /** The records of the Changes before it in the log that it may not have, in order. */
  readonly before: readonly Uint8Array[]
}

/** Several entries that count as one: nobody sees what the first of them says without what the last one says. */
export interface TogetherEntry {
  readonly kind: 'together'
  readonly entries: readonly (SingleEntry | WholeEntry)[]
}

/** Which part of which checkpoint an entry is, each counted from 1. */
export interface PartOfCheckpoint {
  readonly checkpoint: number
  readonly part: number
}

/** What need be kept of some cells. */
export interface CellsEntry extends PartOfCheckpoint {
  readonly kind: 'cells'
  readonly cells: readonly DistilledCell[]
}

/** The same of cells that are rows. */
export interface RowsEntry extends PartOfCheckpoint {
  readonly kind: 'rows'
  readonly rows: DistilledRows
}

/** What the log said beside the states of cells. */
export interface RestEntry extends PartOfCheckpoint {
  readonly kind: 'rest'
  /** With this one the checkpoint is whole. */
  readonly isLast: boolean
  readonly rest: Rest
}

/** A part of the checkpoint of another log of the same space, of what only that one may have: it comes to what is here, and replaces nothing. */
export interface JoinedEntry {
  readonly kind: 'joined'
  readonly part: CheckpointEntry
}

/** All parts of the checkpoint of another log of the same space, in order, the last one once: each as if it were joined, and all of them at once. */
export interface WholeEntry {
  readonly kind: 'whole'
  readonly parts: readonly CheckpointEntry[]
}

const WHAT = 'log entry'
const VERSION = 1

/** Version, kind, the shortest body (an empty list) and the checksum. */
const MIN_ENTRY_BYTES = 7

const COMMITS = 1
const ORDERED = 2
const REFUSED = 3
const ENDED = 4
const DROPPED = 5
const PREPARED = 6
const DECIDED = 7
const TOGETHER = 8
const CELLS = 9
const REST = 10
const JOINED = 11
/** As the others that are left beside cells, and a kind of its own so that older code does not pass over what it does not know. */
const DIRECTORY = 12
const RUN = 13
const ROWS = 14
/** What is said since cells may count what is pending: a kind of its own for the same reason. */
const COUNTED = 15
/** What is left as bytes until somebody asks for it. */
const LATER = 16
const WHOLE = 17
const JOIN = 18
/** A ledger that says how what a relay decides is stamped, for the same reason as `COUNTED`. */
const SHIFTED = 19
/** What makes a part of those that are left as bytes again. */
const SPARE = 20

/** Items of an ordered entry. */
const RECORD = 0
const PAIR = 1

/** A record with its length. */
const LEAST_RECORD_BYTES = MIN_CHANGE_BYTES + 1

/** A writer id and the shortest seq. */
const LEAST_PAIR_BYTES = 17

/**
 * The bytes of a log entry, versioned and checksummed. Throws `ProtocolError` `malformed` for what is none.
 *
 * @example
 * import { decodeEntry, encodeEntry } from '@syncline/protocol'
 *
 * const entry = { kind: 'dropped', changes: ['000102030405060708090a0b0c0d0e0f:7'] } as const
 * expect(decodeEntry(encodeEntry(entry))).toEqual(entry)
 */
export function encodeEntry(entry: LogEntry): Uint8Array {
  const out = new ByteWriter(WHAT)
  out.byte(VERSION)
  switch (entry.kind) {
    case 'commits':
      out.byte(COMMITS)
      out.varuint(entry.changes.length)
      for (const { record, local } of entry.changes) {
        writeRecord(out, record)
        out.bytes(local)
      }
      break
    case 'run':
      out.byte(RUN)
      writeRun(out, entry.changes)
      break
    case 'ordered':
      out.byte(ORDERED)
      if (entry.first === 0) throw out.unfit('0 as a relaySeq, which counts from 1')
      out.id(entry.epoch)
      out.varuint(entry.first)
      out.varuint(entry.items.length)
      for (const item of entry.items) {
        if (item instanceof Uint8Array) {
          out.byte(RECORD)
          writeRecord(out, item)
        } else {
          out.byte(PAIR)
          writePair(out, item.writer, item.seq)
        }
      }
      break
    case 'refused':
      out.byte(REFUSED)
      writePair(out, entry.writer, entry.seq)
      out.string(entry.code)
      out.string(entry.message)
      break
    case 'ended':
      out.byte(ENDED)
      out.id(entry.writer)
      out.varuint(entry.lastSeq)
      out.varuint(entry.refused.length)
      for (const { record, code, message } of entry.refused) {
        writeRecord(out, record)
        out.string(code)
        out.string(message)
      }
      out.varuint(entry.reauthored.length)
      for (const record of entry.reauthored) writeRecord(out, record)
      break
    case 'dropped':
      out.byte(DROPPED)
      out.varuint(entry.changes.length)
      for (const id of entry.changes) writeChangeId(out, id)
      break
    case 'prepared':
      out.byte(PREPARED)
      out.id(entry.by)
      writeRecord(out, entry.record)
      out.bytes(entry.local)
      break
    case 'decided':
      out.byte(DECIDED)
      out.id(entry.writer)
      out.string(entry.code)
      out.string(entry.message)
      break
    case 'join':
      out.byte(JOIN)
      if (entry.relaySeq === 0) throw out.unfit('0 as a relaySeq, which counts from 1')
      out.id(entry.epoch)
      out.varuint(entry.relaySeq)
      out.varuint(entry.known.relaySeq)
      out.varuint(entry.known.stretches.length)
      for (const { epoch, first } of entry.known.stretches) {
        out.id(epoch)
        out.varuint(first)
      }
      for (const records of [entry.pieces, entry.before]) {
        out.varuint(records.length)
        for (const record of records) writeRecord(out, record)
      }
      break
    case 'together':
      out.byte(TOGETHER)
      out.varuint(entry.entries.length)
      for (const one of entry.entries) {
        const bytes = encodeEntry(one)
        if (isAlone(bytes[1]!)) throw out.unfit('several, or a part of a checkpoint')
        out.bytes(bytes)
      }
      break
    case 'cells': {
      const writer = beginCells(out, entry)
      for (const cell of entry.cells) writer.add(cell)
      return writer.finish()
    }
    case 'rows':
      out.byte(ROWS)
      writePart(out, entry)
      return writeRows(out, entry.rows)
    case 'rest':
      out.byte(kindOfRest(entry.rest))
      writePart(out, entry)
      out.byte(entry.isLast ? 1 : 0)
      // Lists of data are data.
      writeValue(out, entry.rest as unknown as Value)
      break
    case 'joined':
      out.byte(JOINED)
      out.bytes(encodePart(out, entry.part))
      break
    case 'whole':
      out.byte(WHOLE)
      out.varuint(entry.parts.length)
      for (const part of entry.parts) out.bytes(encodePart(out, part))
      break
    default:
      throw out.unfit(`the unknown kind "${String((entry satisfies never as LogEntry).kind)}"`)
  }
  return seal(out)
}

/**
 * The bytes of an entry `whole`, of the bytes of its parts.
 *
 * @example
 * import { decodeEntry, encodeEntry, encodeWhole } from '@syncline/protocol'
 *
 * const part = { kind: 'cells', checkpoint: 1, part: 1, cells: [] } as const
 * expect(decodeEntry(encodeWhole([encodeEntry(part)]))).toEqual({ kind: 'whole', parts: [part] })
 */
export function encodeWhole(parts: readonly Uint8Array[]): Uint8Array {
  const out = new ByteWriter(WHAT)
  out.byte(VERSION)
  out.byte(WHOLE)
  out.varuint(parts.length)
  for (const part of parts) out.bytes(part)
  return seal(out)
}

function encodePart(out: ByteWriter, part: CheckpointEntry): Uint8Array {
  if (!isPartOfCheckpoint(part)) throw out.unfit('what is no part of a checkpoint')
  return encodeEntry(part)
}

/**
 * Begins an entry of cells, to be put into it one after the other, so that whoever does not know how large they are can see when it is enough.
 *
 * @example
 * import { createCellsEntry, decodeEntry } from '@syncline/protocol'
 *
 * const stamp = { at: 7, writer: '000102030405060708090a0b0c0d0e0f' }
 * const cell = { tag: 'lww', address: 'title', arbiter: 'local', ops: [{ payload: [0, 'Plan'], stamp }] } as const
 * const entry = createCellsEntry({ checkpoint: 1, part: 1 })
 * entry.add(cell)
 * expect(decodeEntry(entry.finish())).toEqual({ kind: 'cells', checkpoint: 1, part: 1, cells: [cell] })
 */
export function createCellsEntry(part: PartOfCheckpoint): CellsWriter {
  const out = new ByteWriter(WHAT)
  out.byte(VERSION)
  return beginCells(out, part)
}

function beginCells(out: ByteWriter, part: PartOfCheckpoint): CellsWriter {
  out.byte(CELLS)
  writePart(out, part)
  return writeCells(out)
}

/**
 * The log entry that `bytes` hold. Throws `ProtocolError`: `damaged` and `truncated` when they are not what was written,
 * `newer-version` for a version or kind of later code, past which this code must not read.
 *
 * What it gives is independent of `bytes`, unless it is `lending`: then what is half of an entry or more is a view of it, without a copy, and keeps it as a whole.
 * Nobody may write to `bytes` any more.
 */
export function decodeEntry(bytes: Uint8Array, isLending?: boolean): LogEntry {
  const input = unseal(WHAT, bytes, VERSION, MIN_ENTRY_BYTES, isLending === true ? bytes.length / 2 : undefined)
  const entry = readEntry(input)
  input.done()
  return entry
}

/**
 * What an entry says, one thing after the other.
 *
 * @example
 * import { entriesIn } from '@syncline/protocol'
 *
 * const dropped = { kind: 'dropped', changes: [] } as const
 * expect(entriesIn(dropped)).toEqual([dropped])
 * expect(entriesIn({ kind: 'together', entries: [dropped, dropped] })).toEqual([dropped, dropped])
 */
export function entriesIn(entry: LogEntry): readonly Exclude<LogEntry, TogetherEntry | WholeEntry>[] {
  if (entry.kind === 'together') return entry.entries.flatMap(entriesIn)
  return entry.kind === 'whole' ? entry.parts.map((part) => ({ kind: 'joined', part })) : [entry]
}

/**
 * Whether some bytes of a log are an entry of cells or rows, if they are an entry at all: nothing is checked, and nothing is read that may be long.
 *
 * @example
 * import { encodeEntry, isOfCells } from '@syncline/protocol'
 *
 * const part = { checkpoint: 1, part: 1 } as const
 * expect(isOfCells(encodeEntry({ kind: 'cells', ...part, cells: [] }))).toBe(true)
 * expect(isOfCells(encodeEntry({ kind: 'dropped', changes: [] }))).toBe(false)
 */
export function isOfCells(bytes: Uint8Array): boolean {
  return bytes[0] === VERSION && (bytes[1] === CELLS || bytes[1] === ROWS)
}

/**
 * The same for the directory of a checkpoint.
 *
 * @example
 * import { encodeEntry, isOfDirectory } from '@syncline/protocol'
 *
 * const rest = ['directory', { entries: 3, lastOfCells: 1, portions: [] }] as const
 * expect(isOfDirectory(encodeEntry({ kind: 'rest', checkpoint: 1, part: 1, isLast: false, rest }))).toBe(true)
 */
export function isOfDirectory(bytes: Uint8Array): boolean {
  return bytes[0] === VERSION && bytes[1] === DIRECTORY
}

/**
 * The same for what makes those that are asleep again.
 *
 * @example
 * import { asleepOf, encodeEntry, isOfSpare, spareWith } from '@syncline/protocol'
 *
 * const rest = ['spare', spareWith(undefined, asleepOf([]))] as const
 * expect(isOfSpare(encodeEntry({ kind: 'rest', checkpoint: 1, part: 1, isLast: false, rest }))).toBe(true)
 */
export function isOfSpare(bytes: Uint8Array): boolean {
  return bytes[0] === VERSION && bytes[1] === SPARE
}

function readEntry(input: ByteReader): LogEntry {
  const kind = input.byte()
  switch (kind) {
    case COMMITS: {
      const count = input.count(LEAST_RECORD_BYTES + 1)
      return { kind: 'commits', changes: readMany(count, () => ({ record: readRecord(input), local: input.bytes() })) }
    }
    case RUN:
      return { kind: 'run', changes: readRun(input) }
    case ORDERED: {
      const epoch = input.id()
      const first = input.positive('a relaySeq')
      return {
        kind: 'ordered',
        epoch,
        first,
        items: readMany(input.count(1 + LEAST_PAIR_BYTES), () => readItem(input)),
      }
    }
    case REFUSED:
      return { kind: 'refused', ...readPair(input), code: input.string(), message: input.string() }
    case ENDED: {
      const writer = input.id()
      const lastSeq = input.varuint()
      const refused = readMany(input.count(LEAST_RECORD_BYTES + 2), () => ({
        record: readRecord(input),
        code: input.string(),
        message: input.string(),
      }))
      const reauthored = readMany(input.count(LEAST_RECORD_BYTES), () => readRecord(input))
      return { kind: 'ended', writer, lastSeq, refused, reauthored }
    }
    case DROPPED: {
      const count = input.count(LEAST_PAIR_BYTES)
      return { kind: 'dropped', changes: readMany(count, () => `${input.id()}:${input.positive('a seq')}`) }
    }
    case PREPARED:
      return { kind: 'prepared', by: input.id(), record: readRecord(input), local: input.bytes() }
    case DECIDED:
      return { kind: 'decided', writer: input.id(), code: input.string(), message: input.string() }
    case JOIN: {
      const [epoch, relaySeq] = [input.id(), input.positive('a relaySeq')]
      const upTo = input.varuint()
      const stretches = readMany(input.count(LEAST_PAIR_BYTES), () => ({
        epoch: input.id(),
        first: input.positive('a relaySeq'),
      }))
      const records = (): Uint8Array[] => readMany(input.count(LEAST_RECORD_BYTES), () => readRecord(input))
      return {
        kind: 'join',
        epoch,
        relaySeq,
        known: { relaySeq: upTo, stretches },
        pieces: records(),
        before: records(),
      }
    }
    case TOGETHER:
      return { kind: 'together', entries: readMany(input.count(1 + MIN_ENTRY_BYTES), () => readOneOfMany(input)) }
    case CELLS:
      return { kind: 'cells', ...readPart(input), cells: readCells(input) }
    case ROWS:
      return { kind: 'rows', ...readPart(input), rows: readRows(input) }
    case DIRECTORY:
    case COUNTED:
    case LATER:
    case SHIFTED:
    case SPARE:
    case REST: {
      const part = readPart(input)
      const last = input.byte()
      if (last > 1) throw input.malformed(`${last} where 1 says that it is the last part`)
      const rest: unknown = readValue(input)
      if (!isRest(rest) || kindOfRest(rest) !== kind) {
        throw input.malformed('something else than what is left beside cells')
      }
      return { kind: 'rest', ...part, isLast: last === 1, rest }
    }
    case JOINED:
      return { kind: 'joined', part: readPartInside(input) }
    case WHOLE:
      return { kind: 'whole', parts: readMany(input.count(1 + MIN_ENTRY_BYTES), () => readPartInside(input)) }
    default:
      throw new ProtocolError(
        'newer-version',
        `A log entry is of kind ${kind}, which this version does not know. Update this app, or reload it to get the newer one.`,
      )
  }
}

function kindOfRest(rest: Rest): number {
  switch (rest[0]) {
    case 'directory':
      return DIRECTORY
    case 'undoable':
      return LATER
    case 'spare':
      return SPARE
    case 'asleep':
      return rest[1][2] === undefined ? COUNTED : LATER
    case 'ledger':
      if (rest[1].decided !== undefined) return SHIFTED
      return rest[1].counted === undefined ? REST : COUNTED
    default:
      return REST
  }
}

function readOneOfMany(input: ByteReader): SingleEntry | WholeEntry {
  const bytes = input.bytes()
  // As below.
  if (isAlone(bytes[1]!)) throw input.malformed('several, or a part of a checkpoint')
  return decodeEntry(bytes) as SingleEntry | WholeEntry // which the others are
}

function readPartInside(input: ByteReader): CheckpointEntry {
  const bytes = input.bytes()
  // Looked at first, or one in another in another would go as deep as somebody likes.
  if (!isPartKind(bytes[1]!)) throw input.malformed('what is no part of a checkpoint')
  return decodeEntry(bytes) as CheckpointEntry // which those kinds are
}

function isAlone(kind: number): boolean {
  return kind === TOGETHER || kind === JOINED || isPartKind(kind)
}

function isPartKind(kind: number): boolean {
  return kind === CELLS || kind === ROWS || isRestKind(kind)
}

function isRestKind(kind: number): boolean {
  return kind === REST || kind === DIRECTORY || kind === COUNTED || kind === LATER || kind === SHIFTED || kind === SPARE
}

/**
 * Whether an entry is a part of a checkpoint.
 *
 * @example
 * import { isPartOfCheckpoint } from '@syncline/protocol'
 *
 * expect(isPartOfCheckpoint({ kind: 'cells', checkpoint: 1, part: 1, cells: [] })).toBe(true)
 * expect(isPartOfCheckpoint({ kind: 'dropped', changes: [] })).toBe(false)
 */
export function isPartOfCheckpoint(entry: LogEntry): entry is CheckpointEntry {
  return entry.kind === 'cells' || entry.kind === 'rows' || entry.kind === 'rest'
}

function writePart(out: ByteWriter, { checkpoint, part }: PartOfCheckpoint): void {
  if (checkpoint === 0 || part === 0) throw out.unfit('0 as a checkpoint or as a part of one, which count from 1')
  out.varuint(checkpoint)
  out.varuint(part)
}

function readPart(input: ByteReader): PartOfCheckpoint {
  return { checkpoint: input.positive('a checkpoint'), part: input.positive('a part') }
}

function readItem(input: ByteReader): OrderedEntry['items'][number] {
  const form = input.byte()
  if (form === RECORD) return readRecord(input)
  if (form === PAIR) return readPair(input)
  throw input.malformed(`an item of the unknown form ${form}`)
}

function readPair(input: ByteReader): { writer: WriterId; seq: number } {
  return { writer: input.id(), seq: input.positive('a seq') }
}

function readRecord(input: ByteReader): Uint8Array {
  const record = input.bytes()
  if (record.length < MIN_CHANGE_BYTES) throw input.malformed(`a record of ${record.length} bytes`)
  return record
}

function readMany<T>(count: number, read: () => T): T[] {
  const items: T[] = []
  for (let left = count; left > 0; left--) items.push(read())
  return items
}

function writePair(out: ByteWriter, writer: WriterId, seq: number): void {
  if (seq === 0) throw out.unfit('0 as a seq, which counts from 1')
  out.id(writer)
  out.varuint(seq)
}

function writeRecord(out: ByteWriter, record: Uint8Array): void {
  if (record.length < MIN_CHANGE_BYTES) throw out.unfit(`a record of ${record.length} bytes`)
  out.bytes(record)
}

function writeChangeId(out: ByteWriter, id: ChangeId): void {
  const match = /^([0-9a-f]{32}):([1-9][0-9]*)$/.exec(id)
  if (match === null) throw out.unfit(`"${id}" as the id of a Change`)
  writePair(out, match[1]!, Number(match[2]))
}
