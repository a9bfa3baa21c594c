import * as decoding from 'lib0/decoding'
import * as Y from 'yjs'
import { rangeOf } from './stretches.ts'
import type { Range } from './stretches.ts'

/**
 * What an update adds and what it builds on, read without touching a document.
 *
 * Yjs trusts its input: an update with a missing dependency is applied in part and the rest is kept, invisibly; one with
 * wrong bytes throws half-way. So every update is read first, and then applied whole or not at all.
 */
export interface ParsedUpdate<H = unknown> {
  readonly runs: readonly Run<H>[]
  readonly deletes: readonly Deleted[]
}

/** Consecutive structs of one Yjs client. */
export interface Run<H = unknown> {
  readonly client: number
  readonly structs: readonly Struct<H>[]
  /** The clock of the first struct. */
  readonly clock: number
  /** The clock after the last struct. */
  readonly end: number
}

/** An item of a document, or a stretch of what has gone. */
export interface Struct<H = unknown> extends Id {
  readonly length: number
  readonly holding: H
  readonly origin: Id | undefined
  readonly rightOrigin: Id | undefined
  /** Where it is, when it has no neighbours to tell. */
  readonly parent: Parent | undefined
}

/** The type that an item is in: a root, by name, or a nested one, by its item. `key` is that of a map or an attribute. */
export interface Parent {
  readonly root: string | undefined
  readonly item: Id | undefined
  readonly key: string | undefined
}

/** What is peculiar to the documents of one tag in what their updates may hold. Its functions throw an Error that says what may not be. */
export interface Grammar<H = unknown> {
  /** Checks where an item is: `parent` when it has no neighbours. `keyed` says that it is under a key, wherever that is. */
  checkPlace(parent: Parent | undefined, keyed: boolean): void
  /** Reads the content of an item. `type` is one of the content types of the format. */
  readContent(decoder: decoding.Decoder, type: number): Held<H>
}

/** What an item holds, and how much of it, as Yjs counts. */
export interface Held<H> {
  readonly holding: H
  readonly length: number
}

/** The name of a character, or of what else an item holds. */
export interface Id {
  readonly client: number
  readonly clock: number
}

export interface Deleted extends Id {
  readonly length: number
}

// The bits and content types of the update format, version 1 (yjs/src/structs/Item.js).
const HAS_ORIGIN = 0x80
const HAS_RIGHT_ORIGIN = 0x40
const HAS_PARENT_KEY = 0x20
const CONTENT_TYPE = 0x1f
/** A stretch of which Yjs has forgotten even where it was. It has no neighbours. */
const GONE = 0

/** No session types two thousand million characters; a clock beyond it only serves to silence a client id. */
const MAX_CLOCK = 0x7fff_ffff

/**
 * Reads an update. Throws an Error that says what is wrong unless the bytes are exactly one update, without gaps, that holds what `grammar`
 * allows.
 */
export function parseUpdate<H>(update: Uint8Array, grammar: Grammar<H>): ParsedUpdate<H> {
  const decoder = decoding.createDecoder(update)
  const runs: Run<H>[] = []
  const seen = new Set<number>()
  for (let left = readCount(decoder); left > 0; left--) {
    const run = readRun(decoder, grammar)
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

/** The stretches that a run brings, without what has gone: nobody can take that back, or miss it. */
export function writtenIn({ client, clock, end, structs }: Run): readonly Range[] {
  if (!structs.some(({ holding }) => holding === 'gone')) return [rangeOf(client, clock, end)]
  return structs.flatMap((struct) =>
    struct.holding === 'gone' ? [] : rangeOf(client, struct.clock, struct.clock + struct.length),
  )
}

/** The Yjs clients whose structs an update brings, if that is one or none: it begins with them. Undefined for others, and for what is no update. */
export function fewWritersIn(update: Uint8Array): readonly number[] | undefined {
  if (update[0] === 0) return nobody
  if (update[0] !== 1) return undefined
  const decoder = decoding.createDecoder(update)
  try {
    decoder.pos = 1
    decoding.readVarUint(decoder)
    const client = decoding.readVarUint(decoder)
    if (lastWriters[0] !== client) lastWriters = [client]
    return lastWriters
  } catch {
    return undefined
  }
}

const nobody: readonly number[] = []
/** Mostly it is the same client again. */
let lastWriters: readonly number[] = nobody

function readRun<H>(decoder: decoding.Decoder, grammar: Grammar<H>): Run<H> {
  const count = readCount(decoder)
  const client = decoding.readVarUint(decoder)
  const first = decoding.readVarUint(decoder)
  let clock = first
  const structs: Struct<H>[] = []
  for (let left = count; left > 0; left--) {
    const struct = readStruct(decoder, grammar, client, clock)
    structs.push(struct)
    clock += struct.length
  }
  return { client, structs, clock: first, end: clock }
}

function readStruct<H>(decoder: decoding.Decoder, grammar: Grammar<H>, client: number, clock: number): Struct<H> {
  const info = decoding.readUint8(decoder)
  if (info === GONE) {
    const { holding, length } = grammar.readContent(decoder, GONE)
    return {
      client,
      clock,
      length: checkLength(clock, length),
      holding,
      origin: undefined,
      rightOrigin: undefined,
      parent: undefined,
    }
  }
  const origin = (info & HAS_ORIGIN) === 0 ? undefined : readId(decoder)
  const rightOrigin = (info & HAS_RIGHT_ORIGIN) === 0 ? undefined : readId(decoder)
  const keyed = (info & HAS_PARENT_KEY) !== 0
  const parent = origin === undefined && rightOrigin === undefined ? readParent(decoder, keyed) : undefined
  // Yjs looks up neighbours of the same client without asking whether they exist.
  checkEarlier(origin, client, clock)
  checkEarlier(rightOrigin, client, clock)
  checkEarlier(parent?.item, client, clock)
  grammar.checkPlace(parent, keyed)
  if ((info & CONTENT_TYPE) === GONE) throw new Error('it names neighbours of what is gone')
  const { holding, length } = grammar.readContent(decoder, info & CONTENT_TYPE)
  return { client, clock, length: checkLength(clock, length), holding, origin, rightOrigin, parent }
}

function checkEarlier(id: Id | undefined, client: number, clock: number): void {
  if (id?.client === client && id.clock >= clock) throw new Error('it builds on itself')
}

function readParent(decoder: decoding.Decoder, keyed: boolean): Parent {
  const named = decoding.readVarUint(decoder)
  if (named > 1) throw new Error(`it says ${named} where a parent is either named or not`)
  const root = named === 1 ? readString(decoder) : undefined
  const item = named === 1 ? undefined : readId(decoder)
  return { root, item, key: keyed ? readString(decoder) : undefined }
}

function readId(decoder: decoding.Decoder): Id {
  return { client: decoding.readVarUint(decoder), clock: decoding.readVarUint(decoder) }
}

/** A string of the format, whose end is in the update. */
export function readString(decoder: decoding.Decoder): string {
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

/** How many bytes are still to be read. */
export function bytesLeft(decoder: decoding.Decoder): number {
  return decoder.arr.length - decoder.pos
}

/**
 * The first thing that `update` builds on and that is neither in the document nor in the update itself, in time;
 * undefined when the update can be applied whole. `clockOf` gives how far the document knows a client. `onReady` is given each struct in the
 * order in which Yjs takes them in, each after what it builds on. Cost: one pass.
 */
export function missingFrom<H>(
  update: ParsedUpdate<H>,
  clockOf: (client: number) => number,
  onReady?: (struct: Struct<H>) => void,
): Id | undefined {
  const reached = new Map<number, number>()
  const next = new Map<number, { structs: readonly Struct<H>[]; index: number }>()
  const clock = (client: number): number => reached.get(client) ?? clockOf(client)
  for (const { client, structs } of update.runs) next.set(client, { structs, index: 0 })

  // The order in which Yjs integrates: a struct waits on a stack while what it builds on is taken from the same update.
  const waiting: Struct<H>[] = []
  for (const cursor of next.values()) {
    let struct = cursor.structs[cursor.index++]
    while (struct !== undefined) {
      if (struct.clock > clock(struct.client)) return { client: struct.client, clock: struct.clock - 1 }
      const missing = missingFor(struct, clock)
      if (missing === undefined) {
        reached.set(struct.client, Math.max(clock(struct.client), struct.clock + struct.length))
        onReady?.(struct)
        struct = waiting.pop() ?? cursor.structs[cursor.index++]
        continue
      }
      waiting.push(struct)
      const source = next.get(missing.client)
      struct = source?.structs[source.index++]
      if (struct === undefined) return missing
    }
  }
  const range = update.deletes.find((deleted) => deleted.clock + deleted.length > clock(deleted.client))
  return range && { client: range.client, clock: range.clock + range.length - 1 }
}

function missingFor(struct: Struct, clock: (client: number) => number): Id | undefined {
  const { origin, rightOrigin } = struct
  const within = struct.parent?.item
  if (origin !== undefined && origin.clock >= clock(origin.client)) return origin
  if (rightOrigin !== undefined && rightOrigin.clock >= clock(rightOrigin.client)) return rightOrigin
  if (within !== undefined && within.clock >= clock(within.client)) return within
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
