import { skipAny } from './doc-grammar.ts'
import { BoundedV1, readForeign } from './foreign-update.ts'
import type { ForeignUpdate } from './foreign-update.ts'

/**
 * So many parts an update may have: structs, ranges that are deleted, values and what is nested in them. Each takes a hundred bytes of memory and two of its own, so a relay is to
 * be told of no more. A text of a million keys that were pressed has some ten thousand.
 */
const MOST_PARTS: number = 1 << 18

let partsLeft = MOST_PARTS

function take(count: number): void {
  partsLeft -= count
  if (partsLeft < 0) throw new Error(`it has more than the ${MOST_PARTS} parts that may come at once`)
}

// Values as older versions of Yjs wrote them, and documents in documents (yjs/src/structs/Item.js).
const JSON_VALUES = 2
const DOCUMENT = 9
const CONTENT_TYPE = 0x1f

class CountedV1 extends BoundedV1 {
  override readInfo(): number {
    take(1)
    const info = super.readInfo()
    const type = info & CONTENT_TYPE
    if (type === JSON_VALUES || type === DOCUMENT) throw new Error(`it holds content of type ${type}, which no ref has`)
    return info
  }

  override readDsClock(): number {
    take(1)
    return super.readDsClock()
  }

  override readJSON(): unknown {
    const { restDecoder } = this
    const { pos } = restDecoder
    // As many values as there are signs that begin one or come between two, at most.
    for (const _ of super.readString().matchAll(/[[{,]/g)) take(1)
    restDecoder.pos = pos
    return super.readJSON()
  }

  override readAny(): unknown {
    const { restDecoder } = this
    const { pos } = restDecoder
    take(skipAny(restDecoder, 0))
    restDecoder.pos = pos
    return super.readAny()
  }
}

/** Reads an update, version 1, from somebody who may mean harm. Throws an Error for what is no update, has too many parts, or values that no `doc` holds. Cost: one pass. */
export function readCounted(update: Uint8Array): ForeignUpdate {
  partsLeft = MOST_PARTS
  return readForeign(update, 1, CountedV1)
}
