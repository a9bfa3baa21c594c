import * as Y from 'yjs'
import { itemOf } from './foreign-update.ts'
import { writeForeign } from './foreign-writing.ts'
import { encodeCut } from './generation-format.ts'
import type { Cut } from './generation-format.ts'
import { encodePlaces, fits } from './generation-places.ts'
import type { Stood } from './generation-places.ts'
import { TEXT_KEY } from './text-key.ts'

/** Who cuts, when, which life, and how long what was before is retained. */
export type Cutting = Pick<Cut, 'client' | 'base' | 'at' | 'retentionMs'>

/** Begins a new life of the text in a document that shows all its author knows; undefined where too much was deleted in too many places. Cost: one pass over the document. */
export function cutText(doc: Y.Doc, cutting: Cutting): Uint8Array | undefined {
  const text = doc.getText(TEXT_KEY)
  const clocks = new Map<number, number>()
  for (const client of doc.store.clients.keys()) clocks.set(client, Y.getState(doc.store, client))
  const stood: Stood[] = []
  for (let item = text._start; item !== null; item = item.right) {
    const { id, length, deleted } = item
    const last = stood.at(-1)
    // Yjs keeps apart what was written in several goes.
    if (last?.client === id.client && last.clock + last.length === id.clock && last.isDeleted === deleted)
      stood[stood.length - 1] = { ...last, length: last.length + length }
    else stood.push({ client: id.client, clock: id.clock, length, isDeleted: deleted })
  }
  if (!fits(stood)) return undefined
  const id = Y.createID(cutting.client, 0)
  const visible = text.toString()
  const runs = visible === '' ? [] : [[itemOf(id, null, null, TEXT_KEY, null, new Y.ContentString(visible))]]
  return encodeCut({ ...cutting, clocks, places: encodePlaces(stood, clocks), content: writeForeign(runs, []) })
}
