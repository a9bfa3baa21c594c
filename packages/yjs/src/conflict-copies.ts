import type { WriterId } from '@syncline/stm'
import { everything } from '@syncline/store'
import type { PlainStore, Receipt } from '@syncline/store'
import * as Y from 'yjs'
import { itemOf } from './foreign-update.ts'
import type { ForeignStruct } from './foreign-update.ts'
import { writeStructs } from './foreign-writing.ts'
import { encodeDropped } from './generation-format.ts'
import { together } from './generation-kept.ts'
import { TEXT_KEY } from './text-key.ts'
import { boundOf, writeBeside } from './generation-writing.ts'
import { plainText } from './plain-text.ts'
import type { TextRef } from './policy.ts'
import type { Replica } from './replica.ts'
import { stampFor } from './stamps.ts'
import { listIn, rangesIn, Stretches } from './stretches.ts'

/**
 * What was written in a generation of a text and came when that had been retired: where it belongs nobody knows any more. All that one session wrote is one copy. The same on every device.
 */
export interface ConflictCopy {
  /** The session that wrote it. */
  readonly writer: WriterId
  /** The stamp of its latest edit, in microseconds, as `at` of a Change. */
  readonly at: number
  /** What was inserted and not deleted again: each piece that stood by itself, in the order of the text as far as that is known. */
  readonly inserted: readonly string[]
  /** How many characters were deleted that others had written. They are in the text still, if nobody else has deleted them. */
  readonly deleted: number
}

/**
 * The conflict copies of a text, the latest last. They stay until somebody drops them: write into the text what is to be in it, then call {@link dropConflictCopy}.
 * A text has none unless a generation of it was retired; that one has come is also told to `onError` of each store (`YjsError` `conflict-copy`).
 * Cost: that of reading the text, unless it is open, and one pass over what was written late.
 *
 * @example
 * import { openStore } from '@syncline/store'
 * import { conflictCopies, dropConflictCopy, text } from '@syncline/yjs'
 *
 * const store = await openStore({ space: 'example' })
 * const note = text('note')
 * for (const copy of conflictCopies(store, note)) {
 *   store.transact((tx) => tx.insert(note, store.get(note).length, `\n${copy.inserted.join('\n')}`))
 *   dropConflictCopy(store, note, copy)
 * }
 * expect(conflictCopies(store, note)).toEqual([])
 * await store.close()
 */
export function conflictCopies(store: PlainStore, ref: TextRef): readonly ConflictCopy[] {
  const bound = boundOf(store, ref)
  bound.flush()
  return copiesIn(bound.live(ref.address).replica)
}

/** The conflict copies of a document. */
export function copiesIn({ stranded, waiting, generations }: Replica): readonly ConflictCopy[] {
  // What builds on what has come too late waits for it.
  const late = generations?.lives.retired === undefined ? [] : [...stranded, ...waiting]
  const left = late.filter((update) => generations?.isDropped(update) !== true)
  return left.length === 0 ? [] : copiesOf(left)
}

/**
 * Takes a conflict copy away, for everybody. What the same session wrote later and comes after this is another one. It is no step to undo: what was dropped is gone.
 * Returns the receipt of the Change; its `change` is undefined when the copy is not there. Throws as a transaction does.
 */
export function dropConflictCopy(store: PlainStore, ref: TextRef, { writer, at }: ConflictCopy): Receipt<void> {
  boundOf(store, ref)
  return writeBeside(store, ref, (replica) => {
    const isThere = copiesIn(replica).some((copy) => copy.writer === writer)
    return isThere ? encodeDropped({ writer, at }) : undefined
  })
}

/**
 * Tells of the conflict copies of a text: at once when there are some, and whenever they have become others. Returns a function that ends it. Cost: a look at each Change.
 */
export function watchConflictCopies(
  store: PlainStore,
  ref: TextRef,
  listener: (copies: readonly ConflictCopy[]) => void,
): () => void {
  let told = '[]'
  const look = (): void => {
    const copies = conflictCopies(store, ref)
    const now = JSON.stringify(copies)
    if (now === told) return
    told = now
    listener(copies)
  }
  const end = store.changes(everything, look)
  look()
  return end
}

/** Copies of updates, at least one, that came too late. */
function copiesOf(updates: readonly Uint8Array[]): readonly ConflictCopy[] {
  const copies = new Map<WriterId, { at: number; inserted: string[]; deleted: number }>()
  const writers = new Map<number, WriterId>()
  const own = new Stretches<true>()
  const ends = new Map<number, number>()
  const reach = (client: number, end: number): void => void ends.set(client, Math.max(end, ends.get(client) ?? 0))
  const late = updates.map((update) => {
    const { writer, at } = stampFor(update) ?? { writer: '', at: 0 }
    const copy = copies.get(writer) ?? { at: 0, inserted: [], deleted: 0 }
    copy.at = Math.max(at, copy.at)
    copies.set(writer, copy)
    const parsed = plainText.parse(update)
    for (const { client, clock, end, structs } of parsed.runs) {
      writers.set(client, writer)
      own.set({ client, clock, length: end - clock }, true)
      for (const id of structs.flatMap(({ origin, rightOrigin }) => [origin, rightOrigin]))
        if (id !== undefined) reach(id.client, id.clock + 1)
    }
    return { copy, parsed }
  })
  for (const { copy, parsed } of late) {
    for (const range of parsed.deletes)
      for (const { range: part, value } of own.over(range)) if (value === undefined) copy.deleted += part.length
  }
  // What it was put beside is not there: something that was deleted stands for it, in an order of its own.
  const runs = new Map<number, ForeignStruct[]>()
  const deletes = new Stretches<true>()
  for (const update of together(updates)) {
    const { structs, ds } = Y.decodeUpdate(update)
    for (const struct of structs as ForeignStruct[]) {
      listIn(runs, struct.id.client).push(struct)
      reach(struct.id.client, struct.id.clock)
    }
    for (const deleted of rangesIn(ds))
      for (const { range, value } of own.over(deleted)) if (value === true) deletes.set(range, true)
  }
  for (const [client, end] of ends) {
    for (const { range, value } of own.over({ client, clock: 0, length: end })) {
      if (value === true || range.length === 0) continue
      const id = Y.createID(client, range.clock)
      listIn(runs, client).push(itemOf(id, null, null, TEXT_KEY, null, new Y.ContentDeleted(range.length)))
    }
  }
  for (const run of runs.values()) run.sort((a, b) => a.id.clock - b.id.clock)
  const doc = new Y.Doc({ gc: false })
  Y.applyUpdate(
    doc,
    writeStructs(
      [...runs.values()],
      Array.from(deletes, ({ range }) => range),
    ),
  )
  let last: WriterId | undefined
  for (let item = doc.getText(TEXT_KEY)._start; item !== null; item = item.right) {
    if (!(item.content instanceof Y.ContentString)) last = undefined
    else if (!item.deleted) {
      const writer = writers.get(item.id.client)!
      const { inserted } = copies.get(writer)!
      if (writer === last) inserted[inserted.length - 1] += item.content.str
      else inserted.push(item.content.str)
      last = writer
    }
  }
  doc.destroy()
  const all = Array.from(copies, ([writer, copy]) => ({ writer, ...copy }))
  return all.sort((a, b) => a.at - b.at || (a.writer < b.writer ? -1 : 1))
}
