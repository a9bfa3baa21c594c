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

/**
 * No update of Yjs begins so: it would announce more parts than there are bytes. So code that does not know this sets it aside, and says so.
 */
const MARK = [0xff, 0xff, 0xff, 0xff, 0x0f] as const
const CUT = 1
const KEPT = 2

/** Whether an operation is no update of Yjs but about lives of a document, of whatever kind. */
export function isMarked(payload: Uint8Array): boolean {
  return payload[0] === MARK[0] && payload.length > MARK.length && MARK.every((byte, i) => payload[i] === byte)
}

/** Whether it is what was put together in one place. */
export function isKept(payload: Uint8Array): boolean {
  return isMarked(payload) && payload[MARK.length] === KEPT
}

/** Whether it is a cut with what the new life begins with. It is kept without, once a state has that. */
export function isWholeCut(payload: Uint8Array): boolean {
  return isMarked(payload) && payload[MARK.length] === CUT && (readCut(payload)?.content.length ?? 0) > 0
}

export function encodeCut({ client, base, at, clocks, places, content }: Cut): Uint8Array {
  const encoder = begin(CUT)
  encoding.writeVarUint(encoder, client)
  writeName(encoder, base)
  encoding.writeVarUint(encoder, at)
  encoding.writeVarUint(encoder, clocks.size)
  for (const [one, clock] of [...clocks].sort(([a], [b]) => a - b)) {
    encoding.writeVarUint(encoder, one)
    encoding.writeVarUint(encoder, clock)
  }
  encoding.writeVarUint8Array(encoder, places)
  encoding.writeVarUint8Array(encoder, content)
  return encoding.toUint8Array(encoder)
}

/** The cut in an operation; undefined when it is none, or not exactly one. Cost: what it says of clients. */
export function readCut(payload: Uint8Array): Cut | undefined {
  return read(payload, CUT, (decoder) => {
    const client = decoding.readVarUint(decoder)
    const base = readName(decoder)
    const at = decoding.readVarUint(decoder)
    const clocks = new Map<number, number>()
    for (let left = decoding.readVarUint(decoder); left > 0; left--)
      clocks.set(decoding.readVarUint(decoder), decoding.readVarUint(decoder))
    return {
      client,
      base,
      at,
      clocks,
      places: readBytes(decoder),
      content: readBytes(decoder),
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
  if (!isMarked(payload) || payload[MARK.length] !== kind) return undefined
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
