import * as Y from 'yjs'
import { rangeOf } from './stretches.ts'
import type { Range } from './stretches.ts'
import type { Removed } from './text-inverse.ts'

/** A part of a range as it lies in a document: in one struct. */
export interface Lying {
  readonly struct: Y.Item | Y.GC
  readonly range: Range
}

/** Where the characters of a range lie, as far as the document has them. Nothing is cut. Cost: a search, and the structs. */
export function* lyingIn({ store }: Y.Doc, { client, clock, length }: Range): Generator<Lying> {
  const structs = store.clients.get(client)
  const end = Math.min(clock + length, Y.getState(store, client))
  if (structs === undefined || clock >= end) return
  for (let i = Y.findIndexSS(structs, clock); i < structs.length; i++) {
    const struct = structs[i]!
    if (struct.id.clock >= end) return
    const from = Math.max(clock, struct.id.clock)
    yield { struct, range: rangeOf(client, from, Math.min(end, struct.id.clock + struct.length)) }
  }
}

/** Whether a document has all characters of a range, deleted or not. */
export function hasAll({ store }: Y.Doc, { client, clock, length }: Range): boolean {
  return clock + length <= Y.getState(store, client)
}

/** The characters of a part; undefined when they are gone. */
export function charactersOf({ struct, range }: Lying): string | undefined {
  if (!(struct instanceof Y.Item) || !(struct.content instanceof Y.ContentString)) return undefined
  const from = range.clock - struct.id.clock
  return struct.content.str.slice(from, from + range.length)
}

/**
 * What a Yjs transaction has deleted, with the characters. To be asked before it is cleaned up (`beforeObserverCalls`): then Yjs lets go of
 * them. Cost: what was deleted.
 */
export function removedIn({ doc, deleteSet, beforeState }: Y.Transaction): readonly Removed[] {
  const removed: Removed[] = []
  for (const [client, ranges] of deleteSet.clients) {
    // What the same transaction has inserted was never there for anybody.
    const known = beforeState.get(client) ?? 0
    for (const { clock, len } of ranges) {
      for (const part of lyingIn(doc, rangeOf(client, clock, Math.min(clock + len, known)))) {
        const text = charactersOf(part)
        if (text !== undefined) removed.push({ client, clock: part.range.clock, text })
      }
    }
  }
  return removed
}
