import * as Y from 'yjs'
import { cut, readForeign } from './foreign-update.ts'
import type { ForeignStruct } from './foreign-update.ts'
import { parentIn, rerooted } from './foreign-writing.ts'
import type { Part } from './import-parts.ts'
import { rangeOf, Stretches } from './stretches.ts'

/** A document, by client and without gaps. */
export interface Whole {
  readonly structs: ReadonlyMap<number, readonly ForeignStruct[]>
  readonly deletes: Stretches<true>
}

/**
 * The document elsewhere that refs are parts of, as far as they have it: at each clock what one of them has there, under the names that roots have
 * elsewhere, and what has gone where none has anything.
 */
export function wholeOf(parts: readonly { readonly part: Part; readonly update: Uint8Array }[]): Whole {
  const items = new Map<number, Y.Item[]>()
  const ends = new Map<number, number>()
  const deletes = new Stretches<true>()
  for (const { part, update } of parts) {
    const elsewhere = new Map([...part.names].map(([name, own]) => [own, name]))
    const { structs, deletes: deletedHere } = readForeign(update, 1)
    const deleted = new Stretches<true>()
    for (const range of deletedHere) deleted.set(range, true)
    for (const struct of structs) {
      const { client, clock } = struct.id
      const end = clock + struct.length
      ends.set(client, Math.max(end, ends.get(client) ?? 0))
      // What has gone here counts as deleted for Yjs, and may stand in a root elsewhere.
      if (struct instanceof Y.GC) continue
      for (const { range, value } of deleted.over(rangeOf(client, clock, end)))
        if (value === true) deletes.set(range, true)
      const root = parentIn(struct)
      const named = typeof root === 'string' ? rerooted(struct, elsewhere.get(root) ?? root) : struct
      const list = items.get(client)
      if (list === undefined) items.set(client, [named])
      else list.push(named)
    }
  }
  const structs = new Map([...ends].map(([client, end]) => [client, withoutGaps(client, items.get(client) ?? [], end)]))
  return { structs, deletes }
}

function withoutGaps(client: number, items: readonly Y.Item[], end: number): readonly ForeignStruct[] {
  const whole: ForeignStruct[] = []
  let at = 0
  const fillTo = (to: number): void => {
    if (to > at) whole.push(new Y.GC(Y.createID(client, at), to - at))
    at = Math.max(at, to)
  }
  for (const item of items.toSorted((a, b) => a.id.clock - b.id.clock)) {
    fillTo(item.id.clock)
    if (item.id.clock + item.length <= at) continue
    whole.push(cut(item, at - item.id.clock))
    at = item.id.clock + item.length
  }
  fillTo(end)
  return whole
}
