import * as Y from 'yjs'
import { itemBetween, writeStructs } from './foreign-writing.ts'
import { Stretches } from './stretches.ts'
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

/** The update in which a client inserts and deletes, made without a document. Insertions have consecutive clocks from `first` on. */
export function writeUpdate(first: Id, insertions: readonly Insertion[], deleted: readonly Range[]): Uint8Array {
  let { clock } = first
  const run = insertions.map(({ text, left, right }) => {
    const id = Y.createID(first.client, clock)
    clock += text.length
    return itemBetween({ id, parent: null, parentSub: null, content: new Y.ContentString(text) }, left, right)
  })
  // Those that touch each other as one.
  const deletes = new Stretches<true>()
  for (const range of deleted) deletes.set(range, true)
  return writeStructs(
    [run],
    Array.from(deletes, ({ range }) => range),
  )
}
