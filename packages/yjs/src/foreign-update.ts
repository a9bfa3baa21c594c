import type * as decoding from 'lib0/decoding'
import * as Y from 'yjs'
import { rangeOf } from './stretches.ts'
import type { Range } from './stretches.ts'
import { bytesLeft } from './update.ts'

/** The encodings of Yjs. */
export type UpdateVersion = 1 | 2

/** A part of a document, or a stretch of which Yjs has forgotten even where it was. In an update a parent is a name or an id. */
export type ForeignStruct = Y.Item | Y.GC

/** What somebody else's update says, whatever document it is of. */
export interface ForeignUpdate {
  readonly structs: readonly ForeignStruct[]
  readonly deletes: readonly Range[]
}

/** No clock of a document is greater. */
const MAX_CLOCK = 0x7fff_ffff
/**
 * Version 2 says a number once for as many parts as there are, so a few bytes may announce parts without end. So many fit in the memory of a page;
 * larger updates may have more.
 */
const MOST_PARTS = 1 << 18
const MOST_PARTS_A_BYTE = 64

/** What is being read, which Yjs makes and keeps to itself. */
let reading: decoding.Decoder | undefined

/** How many parts there may be yet. */
function mostIn({ arr }: decoding.Decoder): number {
  return MOST_PARTS + arr.length * MOST_PARTS_A_BYTE
}

function tooMany(): Error {
  return new Error('it announces more parts than its bytes can mean')
}

/** How version 1 is read. */
export class BoundedV1 extends Y.UpdateDecoderV1 {
  constructor(decoder: decoding.Decoder) {
    super(decoder)
    // Each part takes a byte.
    reading = this.restDecoder
  }
}

class BoundedV2 extends Y.UpdateDecoderV2 {
  #parts: number

  constructor(decoder: decoding.Decoder) {
    super(decoder)
    reading = this.restDecoder
    this.#parts = mostIn(decoder)
  }

  override readInfo(): number {
    this.#parts -= 1
    if (this.#parts < 0) throw tooMany()
    return super.readInfo()
  }
}

/**
 * Reads an update without looking at what it may hold. Parts that it leaves out are left out. Throws an Error that says what is wrong with bytes
 * that are not exactly one update. Cost: one pass.
 */
export function readForeign(
  bytes: Uint8Array,
  version: UpdateVersion,
  Decoder: typeof BoundedV1 | typeof BoundedV2 = version === 1 ? BoundedV1 : BoundedV2,
): ForeignUpdate {
  reading = undefined
  // The class that Yjs makes it with is declared as the one of version 2.
  const { structs, ds } = Y.decodeUpdateV2(bytes, Decoder as typeof Y.UpdateDecoderV2)
  const left = bytesLeft(reading!)
  if (left > 0) throw new Error(`${left} bytes follow its end`)
  const kept: ForeignStruct[] = []
  for (const struct of structs) {
    if (struct.length < 1) throw new Error('it holds an empty part')
    if (struct.id.clock + struct.length > MAX_CLOCK) throw new Error(`it has a clock greater than ${MAX_CLOCK}`)
    if (struct instanceof Y.Item || struct instanceof Y.GC) kept.push(struct)
  }
  const deletes: Range[] = []
  for (const [client, ranges] of ds.clients) {
    for (const { clock, len } of ranges) {
      if (len < 1 || clock + len > MAX_CLOCK) throw new Error('it deletes what there cannot be')
      deletes.push(rangeOf(client, clock, clock + len))
    }
  }
  return { structs: kept, deletes }
}

/** A struct without its first `offset` units. What was given is as it was. */
export function cut(struct: ForeignStruct, offset: number): ForeignStruct {
  if (offset === 0) return struct
  const { client, clock } = struct.id
  const id = Y.createID(client, clock + offset)
  if (struct instanceof Y.GC) return new Y.GC(id, struct.length - offset)
  const origin = Y.createID(client, id.clock - 1)
  return itemOf(id, origin, struct.rightOrigin, null, null, struct.content.copy().splice(offset))
}

/** An item as one is read from an update. */
export function itemOf(
  id: Y.ID,
  origin: Y.ID | null,
  rightOrigin: Y.ID | null,
  parent: string | Y.ID | null,
  parentSub: string | null,
  content: Y.Item['content'],
): Y.Item {
  // Yjs says that a parent is a type or an id; in an update a root is its name.
  return new Y.Item(id, null, origin, null, rightOrigin, parent as Y.ID | null, parentSub, content)
}
