import { checkMemberId, checkName, makeRef } from '@syncline/stm'
import type { Policy, Ref, RefOptions, StandardSchema } from '@syncline/stm'
import { bindDocuments, clientIdFrom, updateAside, writersOf } from './bound.ts'
import type { BoundDocuments, Writing } from './bound.ts'
import { applyDocDraft, editDocDraft, isUnchanged, openDocDraft, readDocDraft, sizeOfDocDraft } from './doc-draft.ts'
import type { DocDraft } from './doc-draft.ts'
import { createDocReversal } from './doc-reversal.ts'
import type { DocRoots } from './doc-roots.ts'
import type { DocValue } from './doc-value.ts'
import { LiveDoc } from './live-doc.ts'
import { createRenaming, renamedDocInverse } from './renaming.ts'
import { appendUpdate, distillUpdates, ignore, replay } from './state.ts'
import type { DocumentState } from './state.ts'
import { structured } from './structured.ts'
import { createWriter, writerAside } from './text-reversal.ts'

/** A structured document that several people edit at once: rich text, nested maps and arrays. Reads as plain data. */
export type DocRef = Ref<DocValue, { edit: DocRoots }>

/** What a doc may be, and how large. Transactions that would leave another are refused; direct edits and merges are told by `onViolation`. */
export interface DocOptions extends Pick<RefOptions<'local'>, 'maxBytes'> {
  readonly schema?: StandardSchema<DocValue>
}

/** The policy of docs, as it is in one store: with live documents. */
export type BoundDocPolicy = BoundDocuments<DocValue, DocDraft, LiveDoc>

/** The tag of docs. */
export const TAG = 'doc'

/**
 * The structured document named `name`, or, with `id`, one of a family of them: the page of a wiki.
 *
 * It holds four roots of Yjs: a `fragment` of nodes for ProseMirror, Tiptap and their like, a `text` with formats, a `map` and an `array`, with
 * other types nested in them as Yjs has it. It reads as a {@link DocValue}: frozen plain data, in which parts that have not changed are the
 * same objects (`===`) as before. Editors write it through {@link openDoc}, transactions by `tx.edit(ref, ({ fragment }) => …)`: the
 * function writes a copy of the document with what Yjs itself offers, at once, and what it has written is committed with all else.
 * It throws `StmError` `invalid-value` for what others would not get back as it was, and `invalid-write` inside of itself.
 *
 * Two people who set the same key of a map at once leave one of the values, also when these are nested types: what is kept by ids is better
 * kept in docs of their own, `doc(name, id)`. Throws `StmError` `invalid-address`, `invalid-options` and `validation-failed`.
 *
 * Cost: nothing is decoded until somebody reads; then one pass over the updates, and later one over what has changed. Each transaction that
 * edits loads a copy. What was deleted stays in memory while the document is loaded.
 *
 * @example
 * import { openStore } from '@syncline/store'
 * import { doc } from '@syncline/yjs'
 * import * as Y from 'yjs'
 *
 * const store = await openStore({ space: 'example' })
 * const page = doc('page', 'home')
 * store.transact((tx) => {
 *   tx.edit(page, ({ fragment, map }) => {
 *     const heading = new Y.XmlElement('heading')
 *     heading.setAttribute('level', '1')
 *     heading.insert(0, [new Y.XmlText('Hello')])
 *     fragment.insert(0, [heading])
 *     map.set('width', 'wide')
 *   })
 * })
 * expect(store.get(page).fragment).toEqual([
 *   { type: 'heading', attrs: { level: '1' }, content: [{ type: 'text', text: 'Hello' }] },
 * ])
 * expect(store.get(page).map).toEqual({ width: 'wide' })
 * await store.close()
 */
export function doc(name: string, options?: DocOptions): DocRef
export function doc(name: string, id: string, options?: DocOptions): DocRef
export function doc(
  name: string,
  ...rest: readonly [id: string, options?: DocOptions] | readonly [options?: DocOptions]
): DocRef {
  const [id, options] = typeof rest[0] === 'string' ? [rest[0], rest[1]] : [undefined, rest[0]]
  const address = id === undefined ? checkName(name) : `${checkName(name)}/${checkMemberId(id)}`
  return makeRef(docPolicy, address, null, options)
}

/** How transactions write docs. */
const writing: Writing<DocValue, DocDraft, LiveDoc> = {
  content: structured,
  open: (address, host) => new LiveDoc(address, structured, host),
  draft: openDocDraft,
  edit: editDocDraft,
  readDraft: readDocDraft,
  isUnchanged,
  sizeBytes: sizeOfDocDraft,
  known: () => undefined,
  // What was deleted with what it lay in leaves structs of another kind.
  compacts: true,
  apply: applyDocDraft,
}

const renaming = createRenaming(structured, renamedDocInverse)

/** Docs without a store, for pure memories in tests. A store uses what `bind` returns. */
export const docPolicy: Policy<DocValue, DocumentState<DocValue>, DocDraft> = {
  tag: TAG,
  apply: appendUpdate,
  distill: distillUpdates,
  read: (state) => replay(state, structured, ignore),
  draft: (state) => openDocDraft(state, () => replay(state, structured, ignore)),
  edit: editDocDraft,
  readDraft: readDocDraft,
  sizeBytes: sizeOfDocDraft,
  finish: (draft, _ref, context) => updateAside(writing, draft, clientIdFrom(context)),
  documents: (payload) => writersOf(structured, payload),
  renaming,
  reversal: createDocReversal(writerAside),
  bind(host): BoundDocPolicy {
    const bound = bindDocuments(TAG, writing, host)
    return { ...bound, renaming, reversal: createDocReversal(createWriter(host, (client) => bound.writeAs(client))) }
  },
}
