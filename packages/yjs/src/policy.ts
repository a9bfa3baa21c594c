import { checkMemberId, checkName, makeRef } from '@syncline/stm'
import type { Policy, Ref, RefOptions, StandardSchema } from '@syncline/stm'
import { bindDocuments, clientIdFrom, updateAside, writersOf } from './bound.ts'
import type { BoundDocuments, Writing } from './bound.ts'
import { applyEdits, editDraft, openDraft, sizeOfDraft, TextDraft } from './draft.ts'
import { LiveText } from './live-text.ts'
import { splitsPair } from './pairs.ts'
import { plainText } from './plain-text.ts'
import { createRenaming, renamedInverse } from './renaming.ts'
import { appendUpdate, distillUpdates, ignore, replay } from './state.ts'
import type { TextState } from './state.ts'
import { boundReversal, reversalAside } from './text-reversal.ts'

/** A text: characters that several people edit at once. Reads as a string. */
export type TextRef = Ref<string, { insert: string; remove: true; set: string; merge: string }>

/** The policy of texts, as it is in one store: with live documents. */
export type BoundTextPolicy = BoundDocuments<string, TextDraft, LiveText>

/** The tag of texts. */
export const TAG = 'text'

/**
 * The text named `name`, or, with `id`, one of a family of texts: the note of a card. Characters inserted by several people at once
 * are all kept, each in its place, and a run typed by one of them stays together.
 *
 * It reads as a string, `''` while nobody has written. `tx.insert`, `tx.remove`, `tx.set` and `tx.merge` write it; positions count UTF-16 code
 * units, as strings do, and one inside a surrogate pair moves to its edge. `tx.set` replaces only what differs, from the first difference to
 * the last; `tx.merge(note, had, has)` does to what is there now what makes the one text of the other.
 * Editors write it through {@link openText}. Throws `StmError` `invalid-address` for a name or an id that cannot be in an address,
 * `invalid-options`, and `validation-failed` when a schema does not take the empty text.
 *
 * Merged by Yjs (Nicolaescu and others, Near Real-Time Peer-to-Peer Shared Editing on Extensible Data Types, 2016), in one
 * document for each text. Cost: nothing is decoded until somebody reads; then one pass over the updates.
 *
 * @example
 * import { openStore } from '@syncline/store'
 * import { text } from '@syncline/yjs'
 *
 * const store = await openStore({ space: 'example' })
 * const note = text('note', 'card-1')
 * store.transact((tx) => {
 *   tx.insert(note, 0, 'Hello')
 *   tx.insert(note, 5, ', you')
 * })
 * expect(store.get(note)).toBe('Hello, you')
 * await store.close()
 */
export function text(name: string, options?: TextOptions): TextRef
export function text(name: string, id: string, options?: TextOptions): TextRef
export function text(
  name: string,
  ...rest: readonly [id: string, options?: TextOptions] | readonly [options?: TextOptions]
): TextRef {
  const [id, options] = typeof rest[0] === 'string' ? [rest[0], rest[1]] : [undefined, rest[0]]
  const address = id === undefined ? checkName(name) : `${checkName(name)}/${checkMemberId(id)}`
  return makeRef(textPolicy, address, null, options)
}

/**
 * What a text may be. Transactions that would leave another are refused. What people type into an editor is there already when anybody can
 * judge it, and so is what was merged: `onViolation` of the store tells.
 */
export interface TextOptions extends Pick<RefOptions<'local'>, 'maxBytes'> {
  readonly schema?: StandardSchema<string>
}

const nowhere = { length: 0, mayHavePairs: true, splitsPair: () => false }

/** How transactions write texts. */
const writing: Writing<string, TextDraft, LiveText> = {
  content: plainText,
  open: (address, host) => new LiveText(address, plainText, host),
  draft: (base, read, live) => {
    // It is not written any further, and often not read.
    if (base?.taken !== undefined) return new TextDraft(base, { ...nowhere, text: read })
    return live === undefined
      ? openDraft(base, read())
      : new TextDraft(base, {
          length: live.length,
          mayHavePairs: live.mayHavePairs,
          text: read,
          // It may have gone on, while a body waited.
          splitsPair: (index) => (live.shows(base?.link) ? live.splitsPair(index) : splitsPair(read(), index)),
        })
  },
  edit: editDraft,
  readDraft: (draft) => draft.after,
  known: (draft) => draft.knownAfter,
  isUnchanged: (draft) => draft.isUnchanged,
  sizeBytes: sizeOfDraft,
  compacts: true,
  apply: (draft, doc) => applyEdits(draft, doc),
  written: (draft, live) => live.took(draft),
  ahead: (draft, live) => live.typedOn(draft),
}

const renaming = createRenaming(plainText, renamedInverse)

/**
 * Texts without a store. Each state is read by replaying its updates, and each transaction that writes gets a Yjs client id of its
 * own, made from its seed: right for pure memories in tests, and slow. A store uses what `bind` returns.
 */
export const textPolicy: Policy<string, TextState, TextDraft> = {
  tag: TAG,
  apply: appendUpdate,
  distill: distillUpdates,
  read: (state) => replay(state, plainText, ignore),
  draft: (state) => openDraft(state, replay(state, plainText, ignore)),
  edit: editDraft,
  readDraft: (draft) => draft.after,
  sizeBytes: sizeOfDraft,
  finish: (draft, _ref, context) => updateAside(writing, draft, clientIdFrom(context)),
  documents: (payload) => writersOf(plainText, payload),
  renaming,
  reversal: reversalAside,
  bind(host): BoundTextPolicy {
    const bound = bindDocuments(TAG, writing, host)
    return { ...bound, renaming, reversal: boundReversal(bound, host) }
  },
}
