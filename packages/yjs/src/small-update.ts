import * as Y from 'yjs'
import { utf8Bytes } from './utf8.ts'

// The bits and the content type of the update format, version 1 (yjs/src/structs/Item.js).
const HAS_ORIGIN = 0x80
const HAS_RIGHT_ORIGIN = 0x40
const STRING = 4

/** More characters than this are for the encoder of Yjs. */
const MOST_UNITS = 256
/** Three bytes a code unit, and at most ten numbers of eight bytes. */
const scratch: Uint8Array = new Uint8Array(MOST_UNITS * 3 + 80)
let at = 0

/**
 * The update that a transaction under way is, if it is what most are: one run of characters by the client of the document, or one range that is
 * deleted, or both. Undefined for others. Byte for byte what Yjs makes of it when it is over; but Yjs lets a run become part of the one before it
 * first, and then copies that whole to encode its last character.
 */
export function smallUpdateOf({ doc, beforeState, deleteSet }: Y.Transaction): Uint8Array | undefined {
  const { clientID } = doc
  const structs = doc.store.clients.get(clientID)
  const clock = beforeState.get(clientID) ?? 0
  const last = structs?.at(-1)
  const isWritten = last !== undefined && last.id.clock >= clock
  if (isWritten && (last.id.clock > clock || !isSmall(last))) return undefined
  if (deleteSet.clients.size > 1 || !(isWritten || deleteSet.clients.size > 0)) return undefined
  at = 0
  if (isWritten) writeItem(last as Y.Item)
  else scratch[at++] = 0
  if (!writeDeleted(deleteSet)) return undefined
  return written()
}

/** The update of who puts a few characters between two others, made without a document; undefined for many. */
export function smallInsertion(id: Y.ID, left: Y.ID, right: Y.ID | null, text: string): Uint8Array | undefined {
  if (text.length > MOST_UNITS) return undefined
  at = 0
  writeRun(id, left, right, text)
  scratch[at++] = 0
  return written()
}

function written(): Uint8Array {
  const update = new Uint8Array(at)
  for (let i = 0; i < at; i++) update[i] = scratch[i]!
  return update
}

/** Characters between others that say where that is. */
function isSmall(struct: Y.AbstractStruct): boolean {
  if (!(struct instanceof Y.Item) || struct.deleted || struct.parentSub !== null) return false
  const { content, origin, rightOrigin } = struct
  return content instanceof Y.ContentString && content.str.length <= MOST_UNITS && (origin ?? rightOrigin) !== null
}

function writeItem({ id, origin, rightOrigin, content }: Y.Item): void {
  writeRun(id, origin, rightOrigin, (content as Y.ContentString).str)
}

/** As `Item.write` of Yjs, after the number of clients, that of structs, and where they begin. */
function writeRun(id: Y.ID, origin: Y.ID | null, rightOrigin: Y.ID | null, text: string): void {
  scratch[at++] = 1
  scratch[at++] = 1
  writeNumber(id.client)
  writeNumber(id.clock)
  scratch[at++] = STRING | (origin === null ? 0 : HAS_ORIGIN) | (rightOrigin === null ? 0 : HAS_RIGHT_ORIGIN)
  if (origin !== null) writeId(origin)
  if (rightOrigin !== null) writeId(rightOrigin)
  writeString(text)
}

/** Says whether it could: of a client with several ranges Yjs first sorts and joins them. */
function writeDeleted({ clients }: Y.Transaction['deleteSet']): boolean {
  scratch[at++] = clients.size
  for (const [client, ranges] of clients) {
    if (ranges.length > 1) return false
    writeNumber(client)
    scratch[at++] = 1
    writeNumber(ranges[0]!.clock)
    writeNumber(ranges[0]!.len)
  }
  return true
}

function writeId({ client, clock }: Y.ID): void {
  writeNumber(client)
  writeNumber(clock)
}

/** Seven bits a byte, the lowest first. */
function writeNumber(value: number): void {
  let rest = value
  while (rest > 0x7fffffff) {
    scratch[at++] = (rest % 128) | 128
    rest = Math.floor(rest / 128)
  }
  while (rest > 127) {
    scratch[at++] = (rest & 127) | 128
    rest >>>= 7
  }
  scratch[at++] = rest
}

/** A length in bytes, and UTF-8; U+FFFD for half of a pair, as everywhere. */
function writeString(text: string): void {
  writeNumber(utf8Bytes(text))
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x80) scratch[at++] = unit
    else i += writeBeyondAscii(text.codePointAt(i)!)
  }
}

/** Returns how many code units more than one it is. */
function writeBeyondAscii(code: number): number {
  if (code < 0x800) {
    scratch[at++] = 0xc0 | (code >> 6)
  } else if (code < 0x10000) {
    const whole = code >= 0xd800 && code <= 0xdfff ? 0xfffd : code
    scratch[at++] = 0xe0 | (whole >> 12)
    scratch[at++] = 0x80 | ((whole >> 6) & 63)
    scratch[at++] = 0x80 | (whole & 63)
    return 0
  } else {
    scratch[at++] = 0xf0 | (code >> 18)
    scratch[at++] = 0x80 | ((code >> 12) & 63)
    scratch[at++] = 0x80 | ((code >> 6) & 63)
  }
  scratch[at++] = 0x80 | (code & 63)
  return code < 0x10000 ? 0 : 1
}
