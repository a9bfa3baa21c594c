import * as encoding from 'lib0/encoding'
import type { Range } from './stretches.ts'

/** One character. */
export interface Id {
  readonly client: number
  readonly clock: number
}

/** Characters that are inserted between two others. */
export interface Insertion {
  readonly text: string
  readonly left: Id
  /** Undefined at the end of the text. */
  readonly right: Id | undefined
}

// The bits and the content type of the update format, version 1 (yjs/src/structs/Item.js).
const HAS_ORIGIN = 0x80
const HAS_RIGHT_ORIGIN = 0x40
const STRING = 4

/** The update in which a client inserts and deletes, made without a document. Insertions have consecutive clocks from `first` on. */
export function writeUpdate(first: Id, insertions: readonly Insertion[], deleted: readonly Range[]): Uint8Array {
  const encoder = encoding.createEncoder()
  if (insertions.length === 0) encoding.writeVarUint(encoder, 0)
  else {
    encoding.writeVarUint(encoder, 1)
    encoding.writeVarUint(encoder, insertions.length)
    writeId(encoder, first)
    for (const { text, left, right } of insertions) {
      encoding.writeUint8(encoder, STRING | HAS_ORIGIN | (right === undefined ? 0 : HAS_RIGHT_ORIGIN))
      writeId(encoder, left)
      if (right !== undefined) writeId(encoder, right)
      encoding.writeVarString(encoder, text)
    }
  }
  const byClient = new Map<number, Range[]>()
  for (const range of deleted) {
    const ranges = byClient.get(range.client)
    if (ranges === undefined) byClient.set(range.client, [range])
    else ranges.push(range)
  }
  encoding.writeVarUint(encoder, byClient.size)
  for (const [client, ranges] of byClient) {
    const joined = joinedRanges(ranges)
    encoding.writeVarUint(encoder, client)
    encoding.writeVarUint(encoder, joined.length)
    for (const { clock, length } of joined) {
      encoding.writeVarUint(encoder, clock)
      encoding.writeVarUint(encoder, length)
    }
  }
  return encoding.toUint8Array(encoder)
}

function writeId(encoder: encoding.Encoder, { client, clock }: Id): void {
  encoding.writeVarUint(encoder, client)
  encoding.writeVarUint(encoder, clock)
}

/** Ranges of one client in their order, those that touch each other as one. */
function joinedRanges(ranges: readonly Range[]): readonly Range[] {
  const joined: Range[] = []
  for (const range of ranges.toSorted((a, b) => a.clock - b.clock)) {
    const last = joined.at(-1)
    if (last !== undefined && last.clock + last.length >= range.clock) {
      const length = Math.max(last.length, range.clock + range.length - last.clock)
      joined[joined.length - 1] = { ...last, length }
    } else joined.push(range)
  }
  return joined
}
