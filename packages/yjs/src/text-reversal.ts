import type { PolicyHost, Reversal, Undone } from '@syncline/stm'
import * as Y from 'yjs'
import { freeClient, hashOf } from './bound.ts'
import { removedIn } from './characters.ts'
import { parsedBy } from './content.ts'
import { removedBy } from './removals.ts'
import { plainText } from './plain-text.ts'
import type { Replica } from './replica.ts'
import { ignore, load } from './state.ts'
import type { TextState } from './state.ts'
import { Stretches } from './stretches.ts'
import type { Range } from './stretches.ts'
import { encodeInverse } from './text-inverse.ts'
import type { Removed } from './text-inverse.ts'
import { revertOn } from './text-revert.ts'
import { writtenIn } from './update.ts'
import type { ParsedUpdate } from './update.ts'
import type { Id } from './update-writing.ts'

/** Where a reversal finds documents, and who writes what it puts back. */
interface Reversing {
  /** Runs `body` on a document that shows a state. It must not change it. */
  on<T>(state: TextState | undefined, body: (replica: Replica) => T): T
  /** A Yjs client that writes `length` characters on this document. Nobody else may ever write these. */
  writer(doc: Y.Doc, length: number, undone: readonly Undone[]): Id
}

/** The reversal of texts without a store: each state is loaded anew. */
export const reversalAside: Reversal<TextState> = createTextReversal({ on: onCopy, writer: writerAside })

/** Who puts back what is put back without a store. */
export function writerAside(doc: Y.Doc, _length: number, undone: readonly Undone[]): Id {
  const { at, writer } = undone[0]!.stamp
  return { client: freeClient(doc, hashOf(`${writer}:${at}:${undone.length}`)), clock: 0 }
}

/** Who puts back what is put back in one store: clients of its own, of which `onWriter` is told. */
export function createWriter(host: PolicyHost, onWriter: (client: number) => void): (doc: Y.Doc, length: number) => Id {
  /** Who has put something back last, and the clock after it. */
  let last: Id | undefined

  return (doc, length) => {
    // The same client goes on only when all that it was given is in this document, so no clock is given out twice: what was made to be
    // looked at, or is for somebody else to decide, may never come, or come later.
    const goesOn = last !== undefined && Y.getState(doc.store, last.client) === last.clock
    const first = goesOn ? last! : { client: freeClient(doc, host.randomUint32()), clock: 0 }
    last = { client: first.client, clock: first.clock + length }
    onWriter(first.client)
    return first
  }
}

/** The reversal of texts in one store: it works on what is open. */
export function boundReversal(
  bound: {
    showing(state: TextState | undefined): { readonly replica: Replica } | undefined
    writeAs(client: number): void
  },
  host: PolicyHost,
): Reversal<TextState> {
  return createTextReversal({
    on(state, body) {
      const open = bound.showing(state)?.replica
      // In a copy what a cut has left out can be put back to be looked at.
      return open === undefined || open.generations !== undefined ? onCopy(state, body) : body(open)
    },
    writer: createWriter(host, (client) => bound.writeAs(client)),
  })
}

/** Runs `body` on a document that was made for it. */
function onCopy<T>(state: TextState | undefined, body: (replica: Replica) => T): T {
  const replica = load(plainText.create(), plainText, state?.link, ignore)
  try {
    return body(replica)
  } finally {
    replica.doc.destroy()
  }
}

/**
 * Takes edits of texts back, each character by itself: of those that were inserted, the ones that are still there are deleted, whatever others
 * have written between them; those that were deleted are put back where they stood.
 */
function createTextReversal(reversing: Reversing): Reversal<TextState> {
  return {
    inverse(before, payload) {
      const parsed = parsedBy(plainText, payload)
      if (parsed === undefined) return undefined
      const removed = removedBy(payload as Uint8Array) ?? removedFrom(before, payload as Uint8Array, parsed)
      return encodeInverse({ inserted: leftBy(parsed), removed: removed.flatMap((one) => without(one, parsed)) })
    },
    revert: (state, undone, past) =>
      reversing.on(state, (replica) =>
        revertOn(replica, undone, past, (length) => reversing.writer(replica.doc, length, undone)),
      ),
  }
}

/** The characters that an update inserts and leaves in the text. */
function leftBy({ runs, deletes }: ParsedUpdate): readonly Range[] {
  const inserted = runs.flatMap(writtenIn)
  if (inserted.length === 0 || deletes.length === 0) return inserted
  const left = new Stretches<boolean>()
  for (const range of inserted) left.set(range, true)
  for (const range of deletes) left.set(range, false)
  return Array.from(left).flatMap(({ range, value }) => (value ? range : none))
}

/** What an update deletes that was not made here: the document is made once more, and the update applied to it. */
function removedFrom(before: TextState | undefined, update: Uint8Array, { deletes }: ParsedUpdate): readonly Removed[] {
  if (deletes.length === 0) return none
  const replica = load(plainText.create(), plainText, before?.link, ignore)
  let removed: readonly Removed[] = none
  replica.doc.on('beforeObserverCalls', (transaction: Y.Transaction) => (removed = removedIn(transaction)))
  replica.feed(update)
  replica.doc.destroy()
  return removed
}

/** What was deleted without what was inserted by the same edit: that was never there for anybody. */
function without(removed: Removed, { runs }: ParsedUpdate): readonly Removed[] {
  const own = runs.find(({ client }) => client === removed.client)
  if (own === undefined || own.clock >= removed.clock + removed.text.length) return [removed]
  if (own.clock <= removed.clock) return none
  return [{ ...removed, text: removed.text.slice(0, own.clock - removed.clock) }]
}

const none: readonly never[] = []
