import * as Y from 'yjs'
import { charactersOf, lyingIn } from './characters.ts'
import type { Lying } from './characters.ts'
import type { Content } from './content.ts'
import { YjsError } from './errors.ts'
import { cut } from './foreign-update.ts'
import { rerooted, writeForeign } from './foreign-writing.ts'
import type { Foreign, Stretch } from './foreign.ts'
import type { ForeignStruct } from './foreign-update.ts'
import type { Generations } from './generations.ts'
import type { Part } from './import-parts.ts'
import { noteRemoved } from './removals.ts'
import { rangeOf } from './stretches.ts'
import type { Range } from './stretches.ts'
import type { UpdateFor } from './taking.ts'
import type { Removed } from './text-inverse.ts'
import { missingFrom } from './update.ts'

/**
 * What a ref lacks of a stretch of somebody else's document, as an update of the ref: what stands in roots that go elsewhere has gone in it, so the
 * clocks are those of the whole. With the last stretch goes what was deleted there and is still here. What is the same is written alike by
 * everybody, so two who import it have it once.
 */
export function newsFor(foreign: Foreign, part: Part, { from, to }: Stretch): UpdateFor {
  const isLast = to === foreign.order.length
  return ({ doc, generations }, content) => {
    const ends = endsOf(foreign, part, { from, to }, doc, generations)
    const deletes: Range[] = []
    const runs = [...ends].map(([client, end]) => {
      const from = Y.getState(doc.store, client)
      const run: ForeignStruct[] = []
      const kept: { clock: number; end: number }[] = []
      for (const { struct: whole, place } of foreign.placedFrom(client, from)) {
        if (whole.id.clock >= end) break
        const struct = cut(whole, Math.max(0, from - whole.id.clock))
        const { id, length } = struct
        if (place?.within.part !== part) {
          run.push(new Y.GC(id, length))
          continue
        }
        run.push(rerooted(struct, part.names.get(place.within.root)!))
        const last = kept.at(-1)
        if (last?.end === id.clock) last.end += length
        else kept.push({ clock: id.clock, end: id.clock + length })
      }
      for (const one of kept) {
        for (const { range, value } of foreign.deletes.over(rangeOf(client, one.clock, one.end)))
          if (value === true) deletes.push(range)
      }
      return run
    })
    const removed: Removed[] = []
    if (isLast) {
      for (const { range } of foreign.deletes) {
        // Who has got a new life has nothing left of the old one, and has deleted nothing of it.
        for (const lying of lyingIn(doc, range)) {
          if (!(lying.struct instanceof Y.Item) || lying.struct.deleted) continue
          deletes.push(lying.range)
          const text = charactersOf(lying)
          if (text === undefined) continue
          // Where Yjs cuts a character in two, it puts this in place of both halves.
          const whole = text.replace(/\p{Surrogate}/gu, '\ufffd')
          removed.push({ client: lying.range.client, clock: lying.range.clock, text: whole })
        }
      }
    }
    if (runs.length === 0 && deletes.length === 0) return undefined
    const update = writeForeign(runs, deletes)
    check(update, doc, content, part)
    // Otherwise an undo would find it out, by making the document once more.
    noteRemoved(update, removed)
    return update
  }
}

/** Up to where each client is to be written. */
function endsOf(
  foreign: Foreign,
  part: Part,
  { from, to }: Stretch,
  doc: Y.Doc,
  generations: Generations | undefined,
): ReadonlyMap<number, number> {
  const ends = new Map<number, number>()
  for (let i = from; i < to; i++) {
    const { struct, place } = foreign.order[i]!
    if (place?.within.part !== part) continue
    const { client, clock } = struct.id
    const known = Y.getState(doc.store, client)
    if (clock + struct.length > known) ends.set(client, clock + struct.length)
    if (clock >= known || !place.within.isRoot || foreign.isDeleted(struct)) continue
    // Nothing can be gone from a root that was ever in it.
    for (const { struct: here } of nowIn(doc, rangeOf(client, clock, clock + struct.length), generations))
      if (here instanceof Y.GC) throw mismatch(part, `it has left out what is in ${JSON.stringify(place.within.root)}`)
  }
  return ends
}

/** Where the parts of a range lie, by whatever name. What was deleted before a new life began lies nowhere. */
function* nowIn(doc: Y.Doc, range: Range, generations: Generations | undefined): Generator<Lying> {
  if (generations === undefined) yield* lyingIn(doc, range)
  // What stood nowhere is in place of something else.
  else {
    const { lives } = generations
    // What was retired lies nowhere either.
    const clock = Math.max(range.clock, lives.retired?.clocks.get(range.client) ?? 0)
    const rest = rangeOf(range.client, clock, Math.max(clock, range.clock + range.length))
    for (const { from, to } of lives.moved(rest)) yield* lyingIn(doc, to ?? from)
  }
}

function check(update: Uint8Array, doc: Y.Doc, content: Content<unknown>, part: Part): void {
  const parsed = content.parse(update)
  const missing = missingFrom(parsed, (client) => Y.getState(doc.store, client))
  const why =
    missing === undefined
      ? content.refuse?.(parsed, doc, false)
      : `it lacks clock ${missing.clock} of Yjs client ${missing.client}`
  if (why !== undefined) throw mismatch(part, why)
}

function mismatch({ ref }: Part, why: string): YjsError {
  return new YjsError(
    'import-mismatch',
    `"${ref.address}" has taken something else of this document before: ${why}. Nothing was imported. Name the same roots for a ref each time, ` +
      `and import further roots into another ref.`,
  )
}
