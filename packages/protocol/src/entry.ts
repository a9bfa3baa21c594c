import type { ChangeId, Epoch, WriterId } from '@syncline/stm'
import { MIN_CHANGE_BYTES } from './change.ts'
import { ProtocolError } from './errors.ts'
import type { ByteReader } from './reader.ts'
import { seal, unseal } from './seal.ts'
import { ByteWriter } from './writer.ts'

/** One entry of the log that a client keeps of a space. */
export type LogEntry = SingleEntry | TogetherEntry

/** What an entry says by itself. */
export type SingleEntry =
  | CommitsEntry
  | OrderedEntry
  | RefusedEntry
  | EndedEntry
  | DroppedEntry
  | PreparedEntry
  | DecidedEntry

/** What one task of one tab committed. */
export interface CommitsEntry {
  readonly kind: 'commits'
  /** `local` is the part of a Change that never leaves the browser; empty when there is none. */
  readonly changes: readonly { readonly record: Uint8Array; readonly local: Uint8Array }[]
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

/** Several entries that count as one: nobody sees what the first of them says without what the last one says. */
export interface TogetherEntry {
  readonly kind: 'together'
  readonly entries: readonly SingleEntry[]
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
    case 'together':
      out.byte(TOGETHER)
      out.varuint(entry.entries.length)
      for (const one of entry.entries) {
        const bytes = encodeEntry(one)
        if (bytes[1] === TOGETHER) throw out.unfit('an entry of several in another one')
        out.bytes(bytes)
      }
      break
    default:
      throw out.unfit(`the unknown kind "${String((entry satisfies never as LogEntry).kind)}"`)
  }
  return seal(out)
}

/**
 * The log entry that `bytes` hold. Throws `ProtocolError`: `damaged` and `truncated` when they are not what was written,
 * `newer-version` for a version or kind of later code, past which this code must not read.
 */
export function decodeEntry(bytes: Uint8Array): LogEntry {
  const input = unseal(WHAT, bytes, VERSION, MIN_ENTRY_BYTES)
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
export function entriesIn(entry: LogEntry): readonly SingleEntry[] {
  return entry.kind === 'together' ? entry.entries : [entry]
}

function readEntry(input: ByteReader): LogEntry {
  const kind = input.byte()
  switch (kind) {
    case COMMITS: {
      const count = input.count(LEAST_RECORD_BYTES + 1)
      return { kind: 'commits', changes: readMany(count, () => ({ record: readRecord(input), local: input.bytes() })) }
    }
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
    case TOGETHER:
      return { kind: 'together', entries: readMany(input.count(1 + MIN_ENTRY_BYTES), () => readSingle(input)) }
    default:
      throw new ProtocolError(
        'newer-version',
        `A log entry is of kind ${kind}, which this version does not know. Update this app, or reload it to get the newer one.`,
      )
  }
}

function readSingle(input: ByteReader): SingleEntry {
  const entry = decodeEntry(input.bytes())
  if (entry.kind === 'together') throw input.malformed('an entry of several in another one')
  return entry
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
