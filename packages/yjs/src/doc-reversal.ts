import type { Reversal, Reverted, Undone, Value } from '@syncline/stm'
import * as Y from 'yjs'
import { freeClient } from './bound.ts'
import { hasAll, lyingIn } from './characters.ts'
import { decodeDocInverse, encodeDocInverse, inverseOf } from './doc-inverse.ts'
import type { DocInverse } from './doc-inverse.ts'
import type { DocValue } from './doc-value.ts'
import { decodeStandIns, encodeStandIns } from './lineage.ts'
import type { StandIn } from './lineage.ts'
import { rename } from './rename.ts'
import { ignore, load } from './state.ts'
import type { DocumentState } from './state.ts'
import type { Range } from './stretches.ts'
import { structured } from './structured.ts'
import { mergeUpdates } from './update.ts'
import type { Id } from './update-writing.ts'

/** Who writes what is put back: a Yjs client, and the clock of the first of `length` items. Nobody else may ever write these. */
export type Writer = (doc: Y.Doc, length: number, undone: readonly Undone[]) => Id

/**
 * Takes edits of docs back, item by item: what was inserted is deleted where it is still there, what was deleted is put back where it stood, and
 * what is in it. By the undo of Yjs, on a copy, which is told what to take back and which items stand for which; its update is authored anew.
 */
export function createDocReversal(writer: Writer): Reversal<DocumentState<DocValue>> {
  return {
    commutes: true,
    inverse(_before, payload) {
      if (!(payload instanceof Uint8Array)) return undefined
      try {
        return encodeDocInverse(inverseOf(structured.parse(payload)))
      } catch {
        // It says nothing that anybody will apply.
        return undefined
      }
    },
    revert(state, undone, past) {
      const { doc } = load(structured.create(), structured, state?.link, ignore)
      try {
        return revertOn(doc, undone, past.restorations(), writer)
      } finally {
        doc.destroy()
      }
    },
  }
}

function revertOn(doc: Y.Doc, undone: readonly Undone[], restorations: Iterable<Value>, writer: Writer): Reverted {
  const client = freeClient(doc, 1)
  doc.clientID = client
  const updates: Uint8Array[] = []
  const standIns: StandIn[] = []
  let isSuperseded = false
  doc.on('update', (update: Uint8Array) => updates.push(update))
  const undo = undoOf(doc)
  doc.transact((transaction) => {
    // In one transaction with all else: at the end of each Yjs joins again what was cut.
    for (const data of restorations) for (const one of decodeStandIns(data)) link(transaction, one)
    for (const { inverse } of undone) {
      const parts = decodeDocInverse(inverse)
      if (parts === undefined) continue
      for (const range of [...parts.inserted, ...parts.removed]) align(transaction, range)
      if (!stands(doc, parts.inserted)) isSuperseded = true
      undo(parts)
      for (const range of parts.removed) {
        for (const { struct } of lyingIn(doc, range)) {
          if (!(struct instanceof Y.Item)) continue
          if (struct.redone === null) isSuperseded = true
          else if (struct.redone.client === client) {
            standIns.push({
              range: { ...idOf(struct.redone), length: struct.length },
              root: { ...idOf(struct.id), length: struct.length },
            })
          }
        }
        if (!hasAll(doc, range)) isSuperseded = true
      }
    }
  })
  const superseded = isSuperseded ? [''] : none
  const update = updates.length === 0 ? undefined : mergeUpdates(updates)
  // What a step has both written and deleted is put back and taken out again: nobody needs to hear of it.
  if (update === undefined || encodeDocInverse(inverseOf(structured.parse(update))) === undefined) {
    return { payload: undefined, restored: null, superseded }
  }
  const length = Y.getState(doc.store, client)
  const first = length === 0 ? { client, clock: 0 } : writer(doc, length, undone)
  const authored = ({ range, root }: StandIn): StandIn => ({
    range: { ...range, client: first.client, clock: range.clock + first.clock },
    root: root.client === client ? { ...root, client: first.client, clock: root.clock + first.clock } : root,
  })
  return {
    payload: rename(update, client, first.client, first.clock),
    restored: encodeStandIns(standIns.map(authored)),
    superseded,
  }
}

/**
 * Tells Yjs which items were put back for which, as it knows of its own. Both are cut out of what they lie in: Yjs would do so while it goes over
 * them, and lose what it has cut off. Ranges that are not there were never put back.
 */
function link(transaction: Y.Transaction, { range, root }: StandIn): void {
  const { doc } = transaction
  if (!cutOut(transaction, range) || !cutOut(transaction, root)) return
  // What is put back is the end of its line, and is put there once: so no line is a circle, whatever the data says.
  if (range.client === root.client && range.clock === root.clock) return
  if (isLinked(doc, range) || isLinked(doc, root)) return
  for (const { struct, range: part } of lyingIn(doc, root)) {
    if (struct instanceof Y.Item) struct.redone = Y.createID(range.client, range.clock + part.clock - root.clock)
  }
}

function isLinked(doc: Y.Doc, range: Range): boolean {
  for (const { struct } of lyingIn(doc, range)) if (struct instanceof Y.Item && struct.redone !== null) return true
  return false
}

/** Cuts at both ends of a range, and returns whether it is there. */
function cutOut(transaction: Y.Transaction, range: Range): boolean {
  const { doc } = transaction
  const { client, clock, length } = range
  if (!hasAll(doc, range)) return false
  // What Yjs has forgotten cannot be cut.
  const isThere = (at: number): boolean => Y.getItem(doc.store, Y.createID(client, at)) instanceof Y.Item
  if (isThere(clock)) Y.getItemCleanStart(transaction, Y.createID(client, clock))
  const last = clock + length - 1
  if (isThere(last)) Y.getItemCleanEnd(transaction, doc.store, Y.createID(client, last))
  return true
}

/**
 * Cuts items where those are cut that stand for them: Yjs follows from the start of one to one other. What was edited was never cut inside a
 * character, so this is not either.
 */
function align(transaction: Y.Transaction, range: Range): void {
  const { doc } = transaction
  if (!cutOut(transaction, range)) return
  for (const { struct, range: part } of [...lyingIn(doc, range)]) {
    if (!(struct instanceof Y.Item) || struct.redone === null) continue
    const newer = newerThan(struct, part)
    align(transaction, newer)
    for (const { range: piece } of [...lyingIn(doc, newer)]) {
      Y.getItemCleanStart(transaction, Y.createID(part.client, part.clock + piece.clock - newer.clock))
    }
  }
}

/** Takes a step back by an undo manager of Yjs, which watches nothing. */
function undoOf(doc: Y.Doc): (parts: DocInverse) => void {
  const manager = new Y.UndoManager(doc, { trackedOrigins: new Set() })
  return ({ inserted, removed }) => {
    // What a step is in Yjs, whose class for it is not exported.
    manager.undoStack = [{ insertions: deleteSetOf(inserted), deletions: deleteSetOf(removed), meta: new Map() }]
    manager.undo()
  }
}

function deleteSetOf(ranges: readonly Range[]): ReturnType<typeof Y.createDeleteSet> {
  const set = Y.createDeleteSet()
  for (const { client, clock, length } of ranges) {
    const list = set.clients.get(client)
    if (list === undefined) set.clients.set(client, [{ clock, len: length }])
    else list.push({ clock, len: length })
  }
  return set
}

/** Whether all items of ranges, or what stands for them, are in the document. */
function stands(doc: Y.Doc, ranges: readonly Range[]): boolean {
  return ranges.every((range) => {
    if (!hasAll(doc, range)) return false
    for (const { struct, range: part } of lyingIn(doc, range)) {
      if (!(struct instanceof Y.Item)) return false
      if (struct.redone === null ? struct.deleted : !stands(doc, [newerThan(struct, part)])) return false
    }
    return true
  })
}

/** What stands for a part of an item next. */
function newerThan({ id, redone }: Y.Item, part: Range): Range {
  return { client: redone!.client, clock: redone!.clock + part.clock - id.clock, length: part.length }
}

function idOf({ client, clock }: Y.ID): Id {
  return { client, clock }
}

const none: readonly never[] = []
