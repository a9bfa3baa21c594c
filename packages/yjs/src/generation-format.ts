import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { bytesLeft } from './update.ts'

/**
 * A cut: from here on a document lives a new life, in which there is only what was visible. All that was visible stands in it as written by one
 * Yjs client, in one run.
 */
export interface Cut {
  /** Who has written the new life. Nobody writes under it but this cut, so it is its name. */
  readonly client: number
  /** The cut that began the life that was cut; undefined for the first life of a document. */
  readonly base: number | undefined
  /** When it was made, by the clock of stamps. Of several cuts of one life the earliest counts. */
  readonly at: number
  /** How far its author knew each client of the old life. */
  readonly clocks: ReadonlyMap<number, number>
  /** How long after that what was written in the old life is still said in the new one, at least. */
  readonly retentionMs: number
  /** What stood in the old life, and in which order. As it was encoded: it is not looked at before somebody names something in it. */
  readonly places: Uint8Array
  /** The update that the new life begins with; of no bytes where a state has it already. */
  readonly content: Uint8Array
}

/** Updates of a document with several lives, put together. */
export interface Kept {
  /** The cut in whose life they are said; undefined where they are as they came. */
  readonly cut: number | undefined
  /** The cut in whose life all of it is known otherwise: as long as that counts nobody looks at it. Undefined for what the document is made of. */
  readonly under: number | undefined
  readonly update: Uint8Array
}

/** What is left of lives that were retired. */
export interface Retired {
  /** The oldest life that is there. */
  readonly life: number
  /** The newest life when the last were retired. It counts for ever, with those between. */
  readonly fixed: number
  /** Up to where clients have written in those before the oldest, and in those beside it that did not count. */
  readonly clocks: ReadonlyMap<number, number>
}

/** What of conflict copies is dropped: of one writer, what was written up to a stamp. */
export interface Dropped {
  readonly writer: string
  readonly at: number
}

/** Ninety days: who was away for a whole season still has their edits merged. */
export const RETENTION_MS: number = 90 * 24 * 60 * 60 * 1000

/**
 * No update of Yjs begins so: it would announce more parts than there are bytes. So code that does not know this sets it aside, and says so.
 */
const MARK = [0xff, 0xff, 0xff, 0xff, 0x0f] as const
/** A {@link Cut}. */
export const CUT = 1
/** A {@link Kept}. It counts only where it was put together. */
export const KEPT = 2
/** Lives are retired, if their time has come. */
export const RETIREMENT = 3
/** A {@link Retired}. It counts only where it was put together. */
export const RETIRED = 4
/** A {@link Dropped}. */
export const DROP = 5

/** Whether an operation is no update of Yjs but about lives of a document, of whatever kind. */
export function isMarked(payload: Uint8Array): boolean {
  return payload[0] === MARK[0] && payload.length > MARK.length && MARK.every((byte, i) => payload[i] === byte)
}

/** Which operation it is of those that are about lives; undefined for others. There may be more than this code knows. */
export function kindOf(payload: Uint8Array): number | undefined {
  return isMarked(payload) ? payload[MARK.length] : undefined
}

/** Most cuts say nothing of how long what was before is retained: then it is {@link RETENTION_MS}. */
export function encodeCut({ client, base, at, clocks, places, content, retentionMs }: Cut): Uint8Array {
  const encoder = begin(CUT)
  encoding.writeVarUint(encoder, client)
  writeName(encoder, base)
  encoding.writeVarUint(encoder, at)
  writeClocks(encoder, clocks)
  encoding.writeVarUint8Array(encoder, places)
  encoding.writeVarUint8Array(encoder, content)
  if (retentionMs !== RETENTION_MS) writeName(encoder, retentionMs === Infinity ? undefined : retentionMs)
  return encoding.toUint8Array(encoder)
}

/** The cut in an operation; undefined when it is none, or not exactly one. Cost: what it says of clients. */
export function readCut(payload: Uint8Array): Cut | undefined {
  return read(payload, CUT, (decoder) => {
    const client = decoding.readVarUint(decoder)
    const base = readName(decoder)
    return {
      client,
      base,
      at: decoding.readVarUint(decoder),
      clocks: readClocks(decoder),
      places: readBytes(decoder),
      content: readBytes(decoder),
      retentionMs: bytesLeft(decoder) === 0 ? RETENTION_MS : (readName(decoder) ?? Infinity),
    }
  })
}

export function encodeKept({ cut, under, update }: Kept): Uint8Array {
  const encoder = begin(KEPT)
  writeName(encoder, cut)
  writeName(encoder, under)
  encoding.writeVarUint8Array(encoder, update)
  return encoding.toUint8Array(encoder)
}

/** What was kept; undefined for what is something else. Nothing of it is decoded. */
export function readKept(payload: Uint8Array): Kept | undefined {
  return read(payload, KEPT, (decoder) => ({
    cut: readName(decoder),
    under: readName(decoder),
    update: readBytes(decoder),
  }))
}

export function encodeRetirement(at: number): Uint8Array {
  const encoder = begin(RETIREMENT)
  encoding.writeVarUint(encoder, at)
  return encoding.toUint8Array(encoder)
}

/** The stamp of a retirement: lives are retired whose time has come by then. */
export function readRetirement(payload: Uint8Array): number | undefined {
  return read(payload, RETIREMENT, decoding.readVarUint)
}

export function encodeRetired({ life, fixed, clocks }: Retired): Uint8Array {
  const encoder = begin(RETIRED)
  encoding.writeVarUint(encoder, life)
  encoding.writeVarUint(encoder, fixed)
  writeClocks(encoder, clocks)
  return encoding.toUint8Array(encoder)
}

export function readRetired(payload: Uint8Array): Retired | undefined {
  return read(payload, RETIRED, (decoder) => ({
    life: decoding.readVarUint(decoder),
    fixed: decoding.readVarUint(decoder),
    clocks: readClocks(decoder),
  }))
}

export function encodeDropped({ writer, at }: Dropped): Uint8Array {
  const encoder = begin(DROP)
  encoding.writeVarString(encoder, writer)
  encoding.writeVarUint(encoder, at)
  return encoding.toUint8Array(encoder)
}

export function readDropped(payload: Uint8Array): Dropped | undefined {
  return read(payload, DROP, (decoder) => ({
    writer: decoding.readVarString(decoder),
    at: decoding.readVarUint(decoder),
  }))
}

function writeClocks(encoder: encoding.Encoder, clocks: ReadonlyMap<number, number>): void {
  encoding.writeVarUint(encoder, clocks.size)
  for (const [one, clock] of [...clocks].sort(([a], [b]) => a - b)) {
    encoding.writeVarUint(encoder, one)
    encoding.writeVarUint(encoder, clock)
  }
}

function readClocks(decoder: decoding.Decoder): ReadonlyMap<number, number> {
  const clocks = new Map<number, number>()
  for (let left = decoding.readVarUint(decoder); left > 0; left--)
    clocks.set(decoding.readVarUint(decoder), decoding.readVarUint(decoder))
  return clocks
}

function writeName(encoder: encoding.Encoder, client: number | undefined): void {
  encoding.writeVarUint(encoder, client === undefined ? 0 : client + 1)
}

function readName(decoder: decoding.Decoder): number | undefined {
  const named = decoding.readVarUint(decoder)
  return named === 0 ? undefined : named - 1
}

function begin(kind: number): encoding.Encoder {
  const encoder = encoding.createEncoder()
  for (const byte of [...MARK, kind]) encoding.writeUint8(encoder, byte)
  return encoder
}

function read<T>(payload: Uint8Array, kind: number, body: (decoder: decoding.Decoder) => T): T | undefined {
  if (kindOf(payload) !== kind) return undefined
  const decoder = decoding.createDecoder(payload)
  decoder.pos = MARK.length + 1
  try {
    const made = body(decoder)
    return bytesLeft(decoder) === 0 ? made : undefined
  } catch {
    // It ends too early, or counts beyond what there is.
    return undefined
  }
}

/** Without a copy: what lies there may be long, and mostly nobody looks at it. */
function readBytes(decoder: decoding.Decoder): Uint8Array {
  const length = decoding.readVarUint(decoder)
  if (length > bytesLeft(decoder)) throw new Error('it ends too early')
  return decoding.readUint8Array(decoder, length)
}
