import * as Y from 'yjs'
import type { Content } from './content.ts'
import { cut as cutFrom, itemOf } from './foreign-update.ts'
import type { ForeignStruct } from './foreign-update.ts'
import { parentIn, writeStructs } from './foreign-writing.ts'
import { listIn, rangesIn, Stretches } from './stretches.ts'
import { mergeUpdates } from './update.ts'

/** Updates as few, in which each thing is as the first of them says it. Mostly it is one, for they build on each other. */
export function together(updates: readonly Uint8Array[]): readonly Uint8Array[] {
  const said = new Map<number, ForeignStruct[]>()
  const deletes = new Stretches<true>()
  for (const update of updates) {
    const { structs, ds } = Y.decodeUpdate(update)
    for (const range of rangesIn(ds)) deletes.set(range, true)
    const news = new Map<number, ForeignStruct[]>()
    for (const struct of structs) {
      if (struct instanceof Y.Skip) continue
      const { client, clock } = struct.id
      const known = said.get(client) ?? []
      let at = clock
      const end = clock + struct.length
      const add = (to: number): void => {
        if (to > at) listIn(news, client).push(part(struct, at, to))
      }
      for (const one of known) {
        if (one.id.clock >= end || one.id.clock + one.length <= at) continue
        add(one.id.clock)
        at = one.id.clock + one.length
      }
      add(end)
    }
    for (const [client, list] of news)
      said.set(
        client,
        [...(said.get(client) ?? []), ...list].sort((a, b) => a.id.clock - b.id.clock),
      )
  }
  /** What of a client does not follow on what is before it comes in an update of its own: no update has gaps. */
  const parts: ForeignStruct[][][] = [[]]
  for (const run of said.values()) {
    let part = 0
    let end: number | undefined
    for (const struct of run) {
      if (end !== undefined && struct.id.clock !== end) part += 1
      const runs = (parts[part] ??= [])
      if (end === undefined || struct.id.clock !== end) runs.push([struct])
      else runs.at(-1)!.push(struct)
      end = struct.id.clock + struct.length
    }
  }
  const written = parts.map((runs) => writeStructs(runs, []))
  return [
    ...written,
    writeStructs(
      [],
      Array.from(deletes, ({ range }) => range),
    ),
  ]
}

/** A struct from one clock to another. */
function part(struct: ForeignStruct, from: number, to: number): ForeignStruct {
  const rest = cutFrom(struct, from - struct.id.clock)
  if (to === rest.id.clock + rest.length) return rest
  if (rest instanceof Y.GC) return new Y.GC(rest.id, to - from)
  const content = rest.content.copy()
  content.splice(to - from)
  return itemOf(rest.id, rest.origin, rest.rightOrigin, parentIn(rest), rest.parentSub, content)
}

/** Updates as one, without what was deleted if they build on nothing else. */
export function leanest(updates: readonly Uint8Array[], content: Content<unknown>): Uint8Array {
  const merged = mergeUpdates(updates)
  const doc = content.create()
  Y.applyUpdate(doc, merged)
  const { pendingStructs, pendingDs } = doc.store
  const lean = pendingStructs === null && pendingDs === null ? Y.encodeStateAsUpdate(doc) : merged
  doc.destroy()
  return lean
}
