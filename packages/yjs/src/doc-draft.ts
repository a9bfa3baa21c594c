import { StmError } from '@syncline/stm'
import type { EditContext, Intent, PolicyRef } from '@syncline/stm'
import * as Y from 'yjs'
import type { Holding } from './doc-grammar.ts'
import { rootsOf } from './doc-roots.ts'
import { equalDocs } from './doc-value.ts'
import type { DocValue } from './doc-value.ts'
import { rename } from './rename.ts'
import { ignore, load, updatesSince } from './state.ts'
import type { DocumentState } from './state.ts'
import { structured } from './structured.ts'
import { mergeUpdates } from './update.ts'
import type { ParsedUpdate } from './update.ts'

/** A state plus the edits of one transaction so far. Immutable. */
export interface DocDraft {
  readonly base: DocumentState<DocValue> | undefined
  /** What `base` reads as. */
  readonly before: () => DocValue
  readonly edits: DocEdit | undefined
}

/** One run of an edit function, and those before it. */
interface DocEdit {
  readonly previous: DocEdit | undefined
  readonly update: Uint8Array
  /** The document that the edit was made on. It shows this draft until the next edit, or one of another draft. */
  readonly copy: Copy
  /** An upper bound of what the update of this edit and of those before it takes, whoever is their author. */
  readonly sizeBytes: number
  /** What the document read as after it, once somebody has asked. */
  value: DocValue | undefined
}

/** A document of a transaction's own, whose edits are authored when they are committed. */
interface Copy {
  readonly doc: Y.Doc
  readonly clientId: number
  /** The edits that it shows; `'spoiled'` when it shows something that no draft has. */
  shows: DocEdit | undefined | 'spoiled'
  captured: Uint8Array | undefined
}

/** The transactions whose edit function is running, and on which address: it cannot be run inside itself. */
const running = new WeakMap<EditContext, Set<string>>()

export function openDocDraft(base: DocumentState<DocValue> | undefined, before: () => DocValue): DocDraft {
  return { base, before, edits: undefined }
}

/** The draft after one more write. A function that throws, or leaves what a doc cannot hold, leaves nothing. */
export function editDocDraft(draft: DocDraft, intent: Intent, ref: PolicyRef, context: EditContext): DocDraft {
  if (intent.kind !== 'edit') {
    throw new StmError(
      'invalid-write',
      `The doc "${ref.address}" has no write "${intent.kind}". Use tx.edit(ref, ({ fragment, text, map, array }) => …).`,
    )
  }
  const open = running.get(context) ?? new Set()
  if (open.has(ref.address)) {
    throw new StmError(
      'invalid-write',
      `tx.edit on the doc "${ref.address}" was called inside an edit of the same doc. Do both in one function.`,
    )
  }
  running.set(context, open.add(ref.address))
  try {
    return run(draft, intent.change, ref)
  } finally {
    open.delete(ref.address)
  }
}

function run(draft: DocDraft, change: (content: never) => unknown, ref: PolicyRef): DocDraft {
  const copy = copyOf(draft)
  copy.shows = 'spoiled'
  copy.captured = undefined
  let transaction: Y.Transaction | undefined
  let hasReturned = false
  let result: unknown
  try {
    result = copy.doc.transact((made) => {
      transaction = made
      // The types of `edit` tie the function to the roots of a doc.
      const given = change(rootsOf(copy.doc) as never)
      hasReturned = true
      return given
    })
  } catch (error) {
    if (hasReturned)
      throw unfit(ref, `Yjs cannot encode it (${error instanceof Error ? error.message : String(error)})`, error)
    throw isYjsRefusal(error) ? unfit(ref, `Yjs takes no such value (${error.message})`, error) : error
  }
  if (result instanceof Promise) {
    // It goes on with a document that nobody looks at any more; what it does there is its own affair.
    result.catch(ignore)
    throw new StmError(
      'async-body',
      `The function given to tx.edit on the doc "${ref.address}" returned a promise. Await before tx.edit, and edit at once.`,
    )
  }
  const update = copy.captured as Uint8Array | undefined
  const why = transaction && structured.problem?.(transaction, () => historyOf(draft, update))
  if (why !== undefined) throw unfit(ref, why)
  if (update === undefined) {
    copy.shows = draft.edits
    return draft
  }
  const parsed = checked(update, copy.doc, ref)
  const edits: DocEdit = {
    previous: draft.edits,
    update,
    copy,
    sizeBytes: (draft.edits?.sizeBytes ?? HEADER_BYTES) + sizeOf(update, parsed),
    value: undefined,
  }
  copy.shows = edits
  return { base: draft.base, before: draft.before, edits }
}

function* historyOf(draft: DocDraft, update: Uint8Array | undefined): Iterable<Uint8Array> {
  yield* updatesSince(undefined, draft.base?.link) ?? []
  yield* listUpdates(draft.edits)
  if (update !== undefined) yield update
}

function checked(update: Uint8Array, doc: Y.Doc, ref: PolicyRef): ParsedUpdate<Holding> {
  let parsed: ParsedUpdate<Holding>
  try {
    parsed = structured.parse(update)
  } catch (error) {
    throw unfit(ref, (error as Error).message, error)
  }
  const why = structured.refuse?.(parsed, doc, true)
  if (why !== undefined) throw unfit(ref, why)
  return parsed
}

const HEADER_BYTES = 64
/** How much longer an id may become under another client: seven bytes for the client, and four for the clock. */
const ID_BYTES = 11

/** A struct names two others at most; a range that was deleted is one id. */
function sizeOf(update: Uint8Array, { runs, deletes }: ParsedUpdate<Holding>): number {
  let structs = 0
  for (const run of runs) structs += run.structs.length
  return update.length + (2 * structs + deletes.length) * ID_BYTES
}

function isYjsRefusal(error: unknown): error is Error {
  return error instanceof Error && error.message.startsWith('Unexpected content type')
}

function unfit({ address }: PolicyRef, why: string, cause?: unknown): StmError {
  return new StmError(
    'invalid-value',
    `An edit of the doc "${address}" cannot be kept: ${why}. Nothing of it has happened. ${structured.advice}`,
    { cause },
  )
}

/** A document that shows a draft. Cost: nothing while a transaction edits one draft after the other, else a load. */
function copyOf(draft: DocDraft): Copy {
  const { edits } = draft
  if (edits !== undefined && edits.copy.shows === edits) return edits.copy
  const { doc } = load(structured.create(), structured, draft.base?.link, ignore)
  // Edits of one transaction name each other, so all its copies write under one id.
  let clientId = edits?.copy.clientId ?? 1
  while (edits === undefined && Y.getState(doc.store, clientId) > 0) clientId++
  doc.clientID = clientId
  const copy: Copy = { doc, clientId, shows: undefined, captured: undefined }
  for (const update of listUpdates(edits)) applyAsOwn(doc, update)
  copy.shows = edits
  doc.on('update', (update: Uint8Array) => {
    copy.captured = update
    // Also when a function has kept a type of the copy and writes it later.
    copy.shows = 'spoiled'
  })
  return copy
}

/** Takes in an update as if it were written here, now: Yjs would take it for somebody else's who uses our client id. */
function applyAsOwn(doc: Y.Doc, update: Uint8Array, origin?: unknown): void {
  doc.transact((transaction) => {
    Y.applyUpdate(doc, update)
    transaction.local = true
  }, origin)
}

function listUpdates(edits: DocEdit | undefined): Uint8Array[] {
  const list: Uint8Array[] = []
  for (let edit = edits; edit !== undefined; edit = edit.previous) list.push(edit.update)
  return list.reverse()
}

/** What a transaction sees of a draft. Cost: one pass over what was changed. */
export function readDocDraft(draft: DocDraft): DocValue {
  const { edits } = draft
  if (edits === undefined) return draft.before()
  return (edits.value ??= structured.read(copyOf(draft).doc))
}

export function isUnchanged(draft: DocDraft): boolean {
  return draft.edits === undefined || equalDocs(readDocDraft(draft), draft.before())
}

/** An upper bound of the update that the edits become. */
export function sizeOfDocDraft({ edits }: DocDraft): number {
  return edits?.sizeBytes ?? 0
}

/** Makes the edits on a document that shows the base of the draft, under the client id of that document. In a Yjs transaction. */
export function applyDocDraft({ edits }: DocDraft, doc: Y.Doc, transaction: Y.Transaction): void {
  if (edits === undefined) return
  const { clientID } = doc
  const update = rename(
    mergeUpdates(listUpdates(edits)),
    edits.copy.clientId,
    clientID,
    Y.getState(doc.store, clientID),
  )
  Y.applyUpdate(doc, update, transaction.origin)
  // Yjs takes what is applied for the work of others, and so its client id for one that is in use.
  transaction.local = true
}
