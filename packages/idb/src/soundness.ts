import { crc32c } from '@syncline/protocol'
import type { EntryRecord } from './format.ts'

/** Seals records of one space, and tells those that are not what was written. */
export interface Soundness {
  /** The checksum of all of a record that its entry does not check itself: the space, the claim, and which entry it belongs to. */
  sumOf(entry: Uint8Array, claim: number | undefined): number
  /** What is wrong with a record, in words; undefined when nothing is. It is one that was read after `after`. */
  flawOf(record: unknown, after: number): string | undefined
}

/** The bytes after the name: the claim, how long the entry is, and its last four bytes, which are its own checksum. */
const TAIL_BYTES = 16

/** For the records of one space. */
export function soundnessOf(space: string): Soundness {
  // As JSON, lone surrogates are escaped, so that no two names have the same bytes.
  const name = new TextEncoder().encode(JSON.stringify(space))
  const bytes = new Uint8Array(name.length + TAIL_BYTES)
  bytes.set(name)
  const tail = new DataView(bytes.buffer, name.length)

  function sumOf(entry: Uint8Array, claim = 0): number {
    tail.setFloat64(0, claim, true)
    tail.setUint32(8, entry.length, true)
    for (let i = 0; i < 4; i++) tail.setUint8(12 + i, entry[entry.length - 4 + i] ?? 0)
    return crc32c(bytes)
  }

  return {
    sumOf,
    flawOf(record, after) {
      if (!isObject(record)) return `it holds ${record === null ? 'null' : typeof record} instead of a record`
      const { position, space: found, entry, claim, sum } = record
      // Those of the parts of a checkpoint lie between others.
      if (typeof position !== 'number' || !(position > after && position < MOST_COUNT)) return 'its position is none'
      if (found !== space) return 'it names another space'
      if (!(entry instanceof Uint8Array)) return 'its entry is no bytes'
      if (claim !== undefined && !isCount(claim)) return 'its claim is none'
      // Those that versions 1 and 2 of the format wrote have no sum.
      if (sum !== undefined && sum !== sumOf(entry, claim)) return 'its checksum does not fit'
      return undefined
    },
  }
}

type Fields = { readonly [name in keyof EntryRecord]?: unknown }

function isObject(record: unknown): record is Fields {
  return typeof record === 'object' && record !== null
}

/** What can be the number of a claim, or of a fence. */
export function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 && value < MOST_COUNT
}

/** Counted one by one, none gets there. What is beyond is damage; near 2^53 the next one would be the same. */
export const MOST_COUNT: number = 2 ** 52
