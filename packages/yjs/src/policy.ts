import { checkMemberId, checkName, makeRef } from '@syncline/stm'
import type {
  BoundPolicy,
  EditContext,
  Policy,
  PolicyHost,
  Ref,
  RefOptions,
  StandardSchema,
  Value,
} from '@syncline/stm'
import * as Y from 'yjs'
import { editDraft, listEdits, openDraft, sizeOfDraft } from './draft.ts'
import type { TextDraft } from './draft.ts'
import { applyEdits, LiveText } from './live.ts'
import { appendUpdate, EMPTY, load, replay } from './state.ts'
import type { Link, TextState } from './state.ts'
import { parseUpdate } from './update.ts'

/** A text: characters that several people edit at once. Reads as a string. */
export type TextRef = Ref<string, { insert: string; remove: true; set: string }>

/** The policy of texts, as it is in one store: with live documents. */
export interface BoundTextPolicy extends BoundPolicy<string, TextState, TextDraft> {
  /** The live document of an address; made and loaded when it is not there. Whoever takes it counts in `handles`. */
  live(address: string): LiveText
  /** One handle less. The document is destroyed with the last. */
  release(live: LiveText): void
}

const TAG = 'text'

/**
 * Documents without a handle that are kept, so that a run of transactions on the same texts need not load them each time.
 * Eight is more texts than a task works on in turn, and few documents in memory.
 */
const KEPT_DOCUMENTS = 8

/**
 * The text named `name`, or, with `id`, one of a family of texts: the note of a card. Characters inserted by several people at once
 * are all kept, each in its place, and a run typed by one of them stays together.
 *
 * It reads as a string, `''` while nobody has written. `tx.insert`, `tx.remove` and `tx.set` write it; positions count UTF-16 code
 * units, as strings do, and one inside a surrogate pair moves to its edge. `tx.set` replaces only what differs.
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

/**
 * Texts without a store. Each state is read by replaying its updates, and each transaction that writes gets a Yjs client id of its
 * own, made from its seed: right for pure memories in tests, and slow. A store uses what `bind` returns.
 */
export const textPolicy: Policy<string, TextState, TextDraft> = {
  tag: TAG,
  apply: (state, payload) => appendUpdate(state, payload),
  read: (state) => replay(state ?? EMPTY, ignore),
  draft: (state) => openDraft(state, replay(state ?? EMPTY, ignore)),
  edit: editDraft,
  readDraft: (draft) => draft.after,
  sizeBytes: sizeOfDraft,
  finish: (draft, _ref, context) => updateAside(draft, clientIdFrom(context)),
  documents: writersOf,
  // A deletion must be put back at a relative position, with characters of its own; until that is there, an undo says that it left the text.
  reversal: 'none',
  bind: bindText,
}

/** Without a store there is nobody to report to; the same update is reported by every store that reads it. */
function ignore(): void {}

function bindText(host: PolicyHost): BoundTextPolicy {
  /** By address; those without a handle in the order of their last use. */
  const lives = new Map<string, LiveText>()
  const dirty = new Set<LiveText>()
  /** What a state made of this payload reads as, if it is made on this base. */
  const known = new WeakMap<Uint8Array, { readonly base: TextState | undefined; readonly text: string }>()
  /** Updates that were reported: each is met again whenever a history is read. */
  const reported = new WeakSet<Uint8Array>()
  let clientId = host.randomUint32()
  let scheduled = false

  const liveHost = {
    report,
    newest,
    commit: (address: string, update: Uint8Array) => host.commit(address, update),
    clientId: () => clientId,
    renewClientId: () => (clientId = host.randomUint32()),
    dirty: (live: LiveText) => {
      dirty.add(live)
      if (scheduled) return
      scheduled = true
      queueMicrotask(() => {
        scheduled = false
        flush()
      })
    },
  }

  function report(error: unknown, update?: Uint8Array): void {
    if (update !== undefined) {
      if (reported.has(update)) return
      reported.add(update)
    }
    host.report(error)
  }

  function newest(address: string): Link | undefined {
    return (host.state(address) as TextState | undefined)?.link
  }

  function live(address: string): LiveText {
    let found = lives.get(address)
    if (found === undefined) found = new LiveText(address, liveHost)
    else lives.delete(address)
    lives.set(address, found)
    let kept = 0
    for (const one of lives.values()) if (one.handles === 0) kept++
    for (const one of lives.values()) {
      if (kept <= KEPT_DOCUMENTS) break
      if (one === found || one.handles > 0 || one.hasUncommitted) continue
      lives.delete(one.address)
      one.destroy()
      kept--
    }
    return found
  }

  function release(released: LiveText): void {
    released.handles--
    if (released.handles > 0 || lives.get(released.address) !== released) return
    released.flush()
    dirty.delete(released)
    lives.delete(released.address)
    released.destroy()
  }

  function read(state: TextState | undefined, address: string): string {
    if (state === undefined) return ''
    if (state.text !== undefined) return state.text
    if (state !== host.state(address)) return replay(state, report)
    const found = live(address)
    if (!found.shows(state.link)) return replay(state, report)
    return (state.text = found.text.toString())
  }

  function finish(draft: TextDraft, address: string): Uint8Array | undefined {
    if (draft.after === draft.before) return undefined
    const found = live(address)
    // When the document is ahead of the base (an edit is under way, or the base is an old state), the positions of the draft mean
    // nothing to it: the update is made beside it, as by somebody else, and comes in when it is settled.
    const update = found.shows(draft.base?.link) ? found.write(draft) : updateAside(draft, host.randomUint32())
    if (update !== undefined) known.set(update, { base: draft.base, text: draft.after })
    return update
  }

  function flush(): void {
    for (const one of dirty) {
      dirty.delete(one)
      one.flush()
    }
  }

  return {
    tag: TAG,
    late: true,
    apply(state, payload) {
      const made = payload instanceof Uint8Array ? known.get(payload) : undefined
      return appendUpdate(state, payload, made?.base === state ? made?.text : undefined)
    },
    read: (state, ref) => read(state, ref.address),
    draft: (state, ref) => openDraft(state, read(state, ref.address)),
    edit: editDraft,
    readDraft: (draft) => draft.after,
    sizeBytes: sizeOfDraft,
    finish: (draft, ref) => finish(draft, ref.address),
    finishAside: (draft, _ref, context) => updateAside(draft, clientIdFrom(context)),
    documents: writersOf,
    settle: (address) => lives.get(address)?.settle(),
    reset(address, state) {
      const found = lives.get(address)
      if (found !== undefined && (found.handles > 0 || found.hasUncommitted)) {
        found.reset(state?.link)
        return
      }
      // The document that comes next must not give out clocks again that the history has lost.
      liveHost.renewClientId()
      lives.delete(address)
      found?.destroy()
    },
    flush,
    close() {
      flush()
      for (const one of lives.values()) one.destroy()
      lives.clear()
    },
    live,
    release,
  }
}

/** The Yjs clients whose structs an update brings. */
function writersOf(payload: Value): readonly number[] {
  if (!(payload instanceof Uint8Array)) return []
  try {
    return parseUpdate(payload).runs.map(({ client }) => client)
  } catch {
    // It says nothing that anybody will apply.
    return []
  }
}

/** The update that the edits of a draft are, made on a document of their own. */
function updateAside(draft: TextDraft, clientId: number): Uint8Array | undefined {
  const { doc, text } = load(new Y.Doc(), draft.base?.link, ignore)
  let free = clientId
  while (Y.getState(doc.store, free) > 0) free = (free + 1) >>> 0
  doc.clientID = free
  let update: Uint8Array | undefined
  doc.on('update', (made: Uint8Array) => (update = made))
  doc.transact(() => applyEdits(text, listEdits(draft)))
  doc.destroy()
  return update
}

/** A 32-bit number from the writer and the seed of a transaction (FNV-1a). */
function clientIdFrom(context: EditContext): number {
  let hash = 0x811c9dc5
  for (const unit of `${context.stamp.writer}:${context.seed}`) {
    hash = Math.imul(hash ^ unit.charCodeAt(0), 0x01000193)
  }
  return hash >>> 0
}
