import type { BoundPolicy, EditContext, Intent, PolicyHost, PolicyRef, Value } from '@syncline/stm'
import * as Y from 'yjs'
import { removedIn } from './characters.ts'
import { createCompaction } from './compaction.ts'
import { parsedBy } from './content.ts'
import type { Content } from './content.ts'
import { readCut } from './generation-format.ts'
import type { LiveDocument, LiveHost } from './live.ts'
import { noteRemoved } from './removals.ts'
import { appendOwn, appendUpdate, distillUpdates, ignore, load, replay } from './state.ts'
import type { DocumentState, Link } from './state.ts'
import { takeOf } from './taken.ts'
import type { Removed } from './text-inverse.ts'
import { fewWritersIn } from './update.ts'

/** The policy of documents, as it is in one store: with live documents. */
export interface BoundDocuments<V, D, L extends LiveDocument<V>> extends BoundPolicy<V, DocumentState<V>, D> {
  /** The live document of an address; made and loaded when it is not there. Whoever takes it counts in `handles`. */
  live(address: string): L
  /** One handle less. The document is destroyed with the last. */
  release(live: L): void
  /** From now on this session writes under this Yjs client too. */
  writeAs(client: number): void
  /** A Yjs client of this session that has written nothing yet in a document. */
  freshClient(doc: Y.Doc): number
  /** A live document that shows a state and nothing beside it; undefined when there is none. */
  showing(state: DocumentState<V> | undefined): L | undefined
}

/** A state plus the writes of one transaction so far. Immutable. */
export interface DocumentDraft<V> {
  readonly base: DocumentState<V> | undefined
  /** The writes; undefined while there is none. */
  readonly edits: unknown
}

/** What the refs of a tag do with documents: how a transaction writes them, and what an app gets to work on. */
export interface Writing<V, D extends DocumentDraft<V>, L extends LiveDocument<V>> {
  readonly content: Content<V>
  open(address: string, host: LiveHost): L
  /** Opens a draft on a state that reads as `read` says; `live` shows it, if it is there. */
  draft(base: DocumentState<V> | undefined, read: () => V, live?: L): D
  edit(draft: D, intent: Intent, ref: PolicyRef, context: EditContext): D
  readDraft(draft: D): V
  /**
   * What `readDraft` gives, if that need not be found out first and serves as what the state reads as that the draft becomes. Not where states
   * share parts of what their document reads as.
   */
  known(draft: D): V | undefined
  /** Whether a draft is the state that it was opened on. */
  isUnchanged(draft: D): boolean
  /** An upper bound of the update that a draft becomes. */
  sizeBytes(draft: D): number
  /**
   * Whether the updates of a document may be put together as Yjs encodes its state: that is itself an update which `content` takes, whatever
   * was deleted.
   */
  readonly compacts: boolean
  /** Makes the writes of a draft on a document that shows its base, in a Yjs transaction under way. */
  apply(draft: D, doc: Y.Doc, transaction: Y.Transaction): void
  /** Tells a live document of the writes that it was just given. */
  written?(draft: D, live: L): void
  /** The update that the writes of a draft are, where that can be told before they are made in the document, which shows its base: they are made before somebody looks at it. */
  ahead?(draft: D, live: L): Uint8Array | undefined
}

/**
 * Documents without a handle that are kept, so that a run of transactions on the same ones need not load them each time.
 * Eight is more documents than a task works on in turn, and few in memory.
 */
const KEPT_DOCUMENTS = 8
/** What a transaction writes is in the states before the next one begins; of those that write more texts the rest is found out again. */
const MOST_FRESH = 8

/** Binds a policy of documents to a store. */
export function bindDocuments<V, D extends DocumentDraft<V>, L extends LiveDocument<V>>(
  tag: string,
  writing: Writing<V, D, L>,
  host: PolicyHost,
): BoundDocuments<V, D, L> {
  const { content } = writing
  /** By address; those without a handle in the order of their last use. */
  const lives = new Map<string, L>()
  const dirty = new Set<LiveDocument<unknown>>()
  /** Updates that were made and are not in a state yet, with the state each was made on, and what that reads as with it, if that is known. */
  const fresh: { readonly update: Uint8Array; readonly base: D['base']; readonly value: V | undefined }[] = []
  /** Updates that were reported: each is met again whenever a history is read. */
  const reported = new WeakSet<Uint8Array>()
  /** All Yjs clients under which this session has written. What an app brings in from elsewhere was written under others. */
  const own = new Set<number>()
  let clientId = drawClient()
  let scheduled = false

  const liveHost: LiveHost = {
    report,
    newest,
    commit: (address: string, update: Uint8Array) => host.commit(address, update),
    clientId: () => clientId,
    renewClientId() {
      clientId = drawClient()
      for (const one of lives.values()) one.writeAs(clientId)
      return clientId
    },
    writeAs: (client) => void own.add(client),
    dirty: (live) => {
      dirty.add(live)
      if (scheduled) return
      scheduled = true
      queueMicrotask(() => {
        scheduled = false
        flush()
      })
    },
  }

  const compaction = writing.compacts
    ? createCompaction(content, {
        // What has left the memory meanwhile is as if nobody had written.
        newest: (address) => (host.has?.(address) === false ? undefined : newest(address)),
        shown: (address) => lives.get(address)?.shown,
        isBehind: (address, link) => (lives.get(address)?.depth ?? link.depth) < link.depth,
        later: (work) => host.later(work),
      })
    : undefined

  function drawClient(): number {
    const client = host.randomUint32()
    own.add(client)
    return client
  }

  function report(error: unknown, update?: Uint8Array): void {
    if (update !== undefined) {
      if (reported.has(update)) return
      reported.add(update)
    }
    host.report(error)
  }

  function newest(address: string): Link | undefined {
    return (host.state(address) as DocumentState<V> | undefined)?.link
  }

  function live(address: string): L {
    let found = lives.get(address)
    if (found !== undefined && lives.size <= KEPT_DOCUMENTS) return found
    if (found === undefined) found = writing.open(address, liveHost)
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

  function release(released: L): void {
    released.handles--
    if (released.handles > 0 || lives.get(released.address) !== released) return
    released.flush()
    dirty.delete(released)
    lives.delete(released.address)
    released.destroy()
  }

  function read(state: DocumentState<V> | undefined, address: string): V {
    if (state === undefined) return content.empty
    if (state.value !== undefined) return state.value
    if (state !== host.state(address)) return replay(state, content, report)
    const found = live(address)
    if (!found.shows(state.link)) return replay(state, content, report)
    return (state.value = found.read())
  }

  function edit(draft: D, intent: Intent, ref: PolicyRef, context: EditContext): D {
    const take = takeOf(intent)
    const { base } = draft
    if (take === undefined) {
      base?.taken?.refuse(ref)
      return writing.edit(draft, intent, ref, context)
    }
    const open = live(ref.address)
    const isShown = open.shows(base?.link)
    const replica = isShown ? open.replica : load(content.create(), content, base?.link, ignore)
    try {
      const state = take(draft, ref, replica, content, context)
      return state === undefined ? draft : writing.draft(state, () => replay(state, content, ignore))
    } finally {
      if (!isShown) replica.doc.destroy()
    }
  }

  function finish(draft: D, address: string): Uint8Array | undefined {
    if (draft.base?.taken !== undefined) return draft.base.taken.payload
    if (writing.isUnchanged(draft)) return undefined
    const found = live(address)
    // When the document is ahead of the base (an edit is under way, or the base is an old state), what the draft says means
    // nothing to it: the update is made beside it, as by somebody else, and comes in when it is settled.
    const update = found.shows(draft.base?.link)
      ? (writing.ahead?.(draft, found) ??
        found.write((doc, transaction) => {
          writing.apply(draft, doc, transaction)
          writing.written?.(draft, found)
        }))
      : updateAside(writing, draft, host.randomUint32(), liveHost.writeAs)
    if (update === undefined) return undefined
    if (fresh.length === MOST_FRESH) fresh.shift()
    fresh.push({ update, base: draft.base, value: writing.known(draft) })
    return update
  }

  function flush(): void {
    for (const one of dirty) {
      dirty.delete(one)
      one.flush()
    }
  }

  return {
    tag,
    late: true,
    apply(state, payload, stamp) {
      for (let i = 0; i < fresh.length; i++) {
        const { update, base, value } = fresh[i]!
        if (update !== payload) continue
        // It would keep an old text. Mostly it is the only one.
        if (i === fresh.length - 1) fresh.pop()
        else fresh.splice(i, 1)
        return appendOwn(state, update, stamp, base === state ? value : undefined)
      }
      return appendUpdate(state, payload, stamp)
    },
    distill: distillUpdates,
    read: (state, ref) => read(state, ref.address),
    draft(state, { address }) {
      const found = lives.get(address)
      return writing.draft(state, () => read(state, address), found?.shows(state?.link) === true ? found : undefined)
    },
    edit,
    readDraft: (draft) => writing.readDraft(draft),
    sizeBytes: (draft) => draft.base?.taken?.payload.length ?? writing.sizeBytes(draft),
    finish: (draft, ref) => finish(draft, ref.address),
    finishAside: (draft, _ref, context) => updateAside(writing, draft, clientIdFrom(context), liveHost.writeAs),
    documents(payload) {
      const writers = writersOf(content, payload)
      return writers.every((client) => own.has(client)) ? writers : writers.filter((client) => own.has(client))
    },
    settle(address, _payload, origin) {
      const link = newest(address)
      lives.get(address)?.settle(link)
      // Opening a store decodes nothing: what was kept is put together when it grows.
      if (origin !== 'replay') compaction?.look(address, link)
    },
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
    leave(isOf) {
      const left = [...lives.values()].filter(({ address }) => isOf(address))
      if (left.some(({ handles, hasUncommitted }) => handles > 0 || hasUncommitted)) return false
      for (const one of left) {
        lives.delete(one.address)
        one.destroy()
      }
      return true
    },
    flush,
    close() {
      flush()
      compaction?.close()
      for (const one of lives.values()) one.destroy()
      lives.clear()
    },
    live,
    release,
    writeAs: liveHost.writeAs,
    freshClient(doc) {
      const client = freeClient(doc, host.randomUint32())
      own.add(client)
      return client
    },
    showing(state) {
      for (const one of lives.values()) if (one.shows(state?.link)) return one
      return undefined
    },
  }
}

/** The Yjs clients whose structs an update brings. */
export function writersOf(content: Content<unknown>, payload: Value): readonly number[] {
  if (!(payload instanceof Uint8Array)) return []
  const few = fewWritersIn(payload)
  if (few !== undefined) return few
  const cut = readCut(payload)
  if (cut !== undefined) return [cut.client]
  return parsedBy(content, payload)?.runs.map(({ client }) => client) ?? []
}

/** The update that the writes of a draft are, made on a document of their own. `onWriter` is told by whom. */
export function updateAside<V, D extends DocumentDraft<V>, L extends LiveDocument<V>>(
  { content, isUnchanged, apply }: Writing<V, D, L>,
  draft: D,
  clientId: number,
  onWriter: (client: number) => void = ignore,
): Uint8Array | undefined {
  if (draft.base?.taken !== undefined) return draft.base.taken.payload
  if (isUnchanged(draft)) return undefined
  const { doc } = load(content.create(), content, draft.base?.link, ignore)
  doc.clientID = freeClient(doc, clientId)
  onWriter(doc.clientID)
  let removed: readonly Removed[] | undefined
  let update: Uint8Array | undefined
  doc.on('beforeObserverCalls', (transaction) => (removed = removedIn(transaction)))
  doc.on('update', (made: Uint8Array) => {
    if (removed !== undefined) noteRemoved(made, removed)
    update = made
  })
  doc.transact((transaction) => apply(draft, doc, transaction))
  doc.destroy()
  return update
}

/** A client id that has written nothing in a document: this one, or one after it. */
export function freeClient(doc: Y.Doc, clientId: number): number {
  let free = clientId
  while (Y.getState(doc.store, free) > 0) free = (free + 1) >>> 0
  return free
}

/** A 32-bit number from the writer and the seed of a transaction. */
export function clientIdFrom(context: EditContext): number {
  return hashOf(`${context.stamp.writer}:${context.seed}`)
}

/** A 32-bit number from a text (FNV-1a). */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (const unit of text) hash = Math.imul(hash ^ unit.charCodeAt(0), 0x01000193)
  return hash >>> 0
}
