import * as decoding from 'lib0/decoding'
import * as Y from 'yjs'

/** The name of the one Y.Text in the document of a `text` ref. */
export const TEXT_KEY = 'text'

/**
 * What an update adds and what it builds on, read without touching a document.
 *
 * Yjs trusts its input: an update with a missing dependency is applied in part and the rest is kept, invisibly; one with
 * wrong bytes throws half-way. So every update is read first, and then applied whole or not at all.
 */
export interface ParsedUpdate {
  readonly runs: readonly Run[]
  readonly deletes: readonly Deleted[]
}

/** Consecutive structs of one Yjs client. */
interface Run {
  readonly client: number
  readonly structs: readonly Struct[]
  /** The clock after the last struct. */
  readonly end: number
}

interface Struct {
  readonly client: number
  readonly clock: number
  readonly length: number
  readonly origin: Id | undefined
  readonly rightOrigin: Id | undefined
}

interface Id {
  readonly client: number
  readonly clock: number
}

interface Deleted extends Id {
  readonly length: number
}

// The bits and content types of the update format, version 1 (yjs/src/structs/Item.js).
const HAS_ORIGIN = 0x80
const HAS_RIGHT_ORIGIN = 0x40
const HAS_PARENT_KEY = 0x20
const CONTENT_TYPE = 0x1f
const DELETED = 1
const STRING = 4

/** No session types two thousand million characters; a clock beyond it only serves to silence a client id. */
const MAX_CLOCK = 0x7fff_ffff

/**
 * Reads an update. Throws an Error that says what is wrong unless the bytes are exactly one update of a plain text:
 * strings and deleted stretches in the root text, without gaps. Embeds, formats, nested types and other roots are not plain text.
 */
export function parseUpdate(update: Uint8Array): ParsedUpdate {
  const decoder = decoding.createDecoder(update)
  const runs: Run[] = []
  const seen = new Set<number>()
  for (let left = readCount(decoder); left > 0; left--) {
    const run = readRun(decoder)
    if (seen.has(run.client)) throw new Error(`it lists the client ${run.client} twice`)
    seen.add(run.client)
    runs.push(run)
  }
  const deletes: Deleted[] = []
  for (let left = readCount(decoder); left > 0; left--) {
    const client = decoding.readVarUint(decoder)
    for (let ranges = readCount(decoder); ranges > 0; ranges--) {
      const clock = decoding.readVarUint(decoder)
      deletes.push({ client, clock, length: checkLength(clock, decoding.readVarUint(decoder)) })
    }
  }
  if (decoding.hasContent(decoder)) throw new Error(`${bytesLeft(decoder)} bytes follow its end`)
  return { runs, deletes }
}

function readRun(decoder: decoding.Decoder): Run {
  const count = readCount(decoder)
  const client = decoding.readVarUint(decoder)
  let clock = decoding.readVarUint(decoder)
  const structs: Struct[] = []
  for (let left = count; left > 0; left--) {
    const struct = readStruct(decoder, client, clock)
    structs.push(struct)
    clock += struct.length
  }
  return { client, structs, end: clock }
}

function readStruct(decoder: decoding.Decoder, client: number, clock: number): Struct {
  const info = decoding.readUint8(decoder)
  if ((info & HAS_PARENT_KEY) !== 0) throw new Error('it sets an attribute, and a plain text has none')
  const origin = (info & HAS_ORIGIN) === 0 ? undefined : readId(decoder)
  const rightOrigin = (info & HAS_RIGHT_ORIGIN) === 0 ? undefined : readId(decoder)
  // Yjs looks up neighbours of the same client without asking whether they exist.
  if (origin?.client === client && origin.clock >= clock) throw new Error('it builds on itself')
  if (rightOrigin?.client === client && rightOrigin.clock >= clock) throw new Error('it builds on itself')
  if (origin === undefined && rightOrigin === undefined) {
    if (decoding.readVarUint(decoder) !== 1) throw new Error('it writes into a nested type')
    const root = readString(decoder)
    if (root !== TEXT_KEY)
      throw new Error(`it writes into the root ${JSON.stringify(root)}, not into ${JSON.stringify(TEXT_KEY)}`)
  }
  return {
    client,
    clock,
    length: checkLength(clock, readContentLength(decoder, info & CONTENT_TYPE)),
    origin,
    rightOrigin,
  }
}

function readContentLength(decoder: decoding.Decoder, type: number): number {
  if (type === STRING) return readString(decoder).length
  if (type === DELETED) return decoding.readVarUint(decoder)
  throw new Error(`it holds content of type ${type}, and a plain text holds characters only`)
}

function readId(decoder: decoding.Decoder): Id {
  return { client: decoding.readVarUint(decoder), clock: decoding.readVarUint(decoder) }
}

function readString(decoder: decoding.Decoder): string {
  const start = decoder.pos
  if (decoding.readVarUint(decoder) > bytesLeft(decoder)) throw new Error('a string ends after the last byte')
  decoder.pos = start
  return decoding.readVarString(decoder)
}

/** A count of things that take at least one byte each. */
function readCount(decoder: decoding.Decoder): number {
  const count = decoding.readVarUint(decoder)
  if (count > bytesLeft(decoder)) throw new Error(`it announces ${count} parts in ${bytesLeft(decoder)} bytes`)
  return count
}

function checkLength(clock: number, length: number): number {
  if (length < 1) throw new Error('it holds an empty part')
  if (clock + length > MAX_CLOCK) throw new Error(`its clock of ${clock + length} is greater than ${MAX_CLOCK}`)
  return length
}

function bytesLeft(decoder: decoding.Decoder): number {
  return decoder.arr.length - decoder.pos
}

/**
 * The first thing that `update` builds on and that is neither in the document nor in the update itself, in time;
 * undefined when the update can be applied whole. `clockOf` gives how far the document knows a client. Cost: one pass.
 */
export function missingFrom(update: ParsedUpdate, clockOf: (client: number) => number): Id | undefined {
  const reached = new Map<number, number>()
  const next = new Map<number, { structs: readonly Struct[]; index: number }>()
  const clock = (client: number): number => reached.get(client) ?? clockOf(client)
  for (const { client, structs } of update.runs) next.set(client, { structs, index: 0 })

  // The order in which Yjs integrates: a struct waits on a stack while what it builds on is taken from the same update.
  const waiting: Struct[] = []
  for (const cursor of next.values()) {
    let struct = cursor.structs[cursor.index++]
    while (struct !== undefined) {
      if (struct.clock > clock(struct.client)) return { client: struct.client, clock: struct.clock - 1 }
      const missing = missingNeighbour(struct, clock)
      if (missing === undefined) {
        reached.set(struct.client, Math.max(clock(struct.client), struct.clock + struct.length))
        struct = waiting.pop() ?? cursor.structs[cursor.index++]
        continue
      }
      waiting.push(struct)
      const source = next.get(missing.client)
      struct = source?.structs[source.index++]
      if (struct === undefined) return missing
    }
  }
  return update.deletes.find((range) => range.clock + range.length > clock(range.client))
}

function missingNeighbour(struct: Struct, clock: (client: number) => number): Id | undefined {
  const { origin, rightOrigin } = struct
  if (origin !== undefined && origin.clock >= clock(origin.client)) return origin
  if (rightOrigin !== undefined && rightOrigin.clock >= clock(rightOrigin.client)) return rightOrigin
  return undefined
}

/** `Y.mergeUpdates` takes time in the square of their number: 8,000 at once 901 ms, in groups of 32 27 ms. */
const MERGE_GROUP = 32

/** One update that does what `updates` do in this order. There must be at least one. */
export function mergeUpdates(updates: readonly Uint8Array[]): Uint8Array {
  let level = updates
  while (level.length > 1) {
    const merged: Uint8Array[] = []
    for (let i = 0; i < level.length; i += MERGE_GROUP) merged.push(Y.mergeUpdates(level.slice(i, i + MERGE_GROUP)))
    level = merged
  }
  return level[0]!
}
