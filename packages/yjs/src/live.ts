import { StmError } from '@syncline/stm'
import * as Y from 'yjs'
import type { Content } from './content.ts'
import type { CursorPlace } from './document-awareness.ts'
import { YjsError } from './errors.ts'
import { isMarked } from './generation-format.ts'
import { removedIn } from './characters.ts'
import { noteMerged, noteRemoved } from './removals.ts'
import { listenerFailed, REMOTE } from './replica.ts'
import type { Replica, Report } from './replica.ts'
import { load, updatesSince } from './state.ts'
import type { Link } from './state.ts'
import { smallUpdateOf } from './small-update.ts'
import type { Removed } from './text-inverse.ts'
import { updateOf } from './update-of.ts'
import { mergeUpdates } from './update.ts'

/** The origin of Yjs transactions that make the edits of a Syncline transaction. */
export const LOCAL: { readonly name: string } = Object.freeze({ name: '@syncline/yjs local' })

/** What a live document needs from the policy it belongs to. */
export interface LiveHost {
  readonly report: Report
  /** The newest state's history. */
  newest(address: string): Link | undefined
  /** Commits a direct edit. */
  commit(address: string, update: Uint8Array): void
  /** The Yjs client id of this session. */
  clientId(): number
  /** Takes a new client id for this session, because the old one is in use elsewhere or may have been, and returns it. */
  renewClientId(): number
  /** This session writes under a client id that it was not given. */
  writeAs(client: number): void
  /** There are direct edits to be committed before this task is over. */
  dirty(live: LiveDocument<unknown>): void
}

/**
 * Guards a document against its listeners: in Yjs one that throws keeps later events, and so edits, from everybody.
 * To be called before there is any.
 */
function guard(doc: Y.Doc, report: Report): Y.Doc {
  doc.emit = (name: never, args: never): void => {
    const listeners = (doc._observers as Map<string, Set<(...args: readonly unknown[]) => void>>).get(name)
    if (listeners === undefined) return
    // Who is alone cannot keep others from being asked, and most are alone.
    for (const listener of listeners.size === 1 ? listeners : [...listeners]) {
      try {
        listener(...(args as readonly unknown[]))
      } catch (error) {
        report(listenerFailed(error))
      }
    }
  }
  return doc
}

/** The live document of one ref: what editors are bound to, and what transactions write into. */
export abstract class LiveDocument<V> {
  abstract readonly cursorPlace: CursorPlace
  readonly address: string
  /** How many handles are open. Without any it is kept only to make the next transaction cheap. */
  handles = 0
  readonly #content: Content<V>
  readonly #host: LiveHost
  readonly #resetListeners = new Set<() => void>()
  #replica: Replica
  /** The history that the document holds, apart from `#unsettled` and `#pending`. */
  #link: Link | undefined
  /** Updates that the document holds, and that are on their way into the history. */
  #unsettled: Uint8Array[] = []
  /** Direct edits that have not been handed over. */
  #pending: Uint8Array[] = []
  /** Direct edits that were made on what a reset has taken away. */
  readonly #orphans = new Set<Uint8Array>()
  /** The client id that this document was given. */
  #clientId: number
  /** The update of the write that is under way. */
  #captured: Uint8Array | undefined
  /** What the transaction has deleted that is being told to observers. */
  #removed: readonly Removed[] | undefined
  /** What is wrong with the direct edits that have not been handed over. */
  #problem: string | undefined
  #settling = false
  /** Something has become part of the history that could not be taken in at once. */
  #isBehind = false
  #incomplete = false
  /** Makes in the document what it does not have yet, although all that is known of it says so. */
  #owed: ((doc: Y.Doc) => void) | undefined

  constructor(address: string, content: Content<V>, host: LiveHost) {
    this.address = address
    this.#content = content
    this.#host = host
    this.#clientId = host.clientId()
    this.#link = host.newest(address)
    this.#replica = this.#open()
  }

  /** Takes an error that must not break what is being done. */
  get report(): Report {
    return this.#host.report
  }

  get doc(): Y.Doc {
    return this.replica.doc
  }

  /** What takes updates into the document. Another object after a reset. */
  get replica(): Replica {
    if (this.#owed !== undefined) this.#pay(this.#owed)
    return this.#replica
  }

  /** The document without what it is owed: to be told apart from another one. */
  protected get bare(): Y.Doc {
    return this.#replica.doc
  }

  /** What the document shows now. Cost: one pass over the document. */
  read(): V {
    return this.#content.read(this.doc)
  }

  /** Whether the document shows a history and nothing beside it. */
  shows(link: Link | undefined): boolean {
    return (
      this.#link === link &&
      this.#unsettled.length === 0 &&
      this.#pending.length === 0 &&
      this.#problem === undefined &&
      !this.#busy &&
      !this.#settling
    )
  }

  /** What holds the document, and the history that it shows; undefined while it shows something beside it. */
  get shown(): { readonly replica: Replica; readonly link: Link | undefined } | undefined {
    return this.shows(this.#link) ? { replica: this.replica, link: this.#link } : undefined
  }

  /** How many updates the history had that was taken in last. */
  get depth(): number {
    return this.#link?.depth ?? 0
  }

  get hasUncommitted(): boolean {
    return this.#unsettled.length > 0 || this.#pending.length > 0 || this.#problem !== undefined
  }

  /** From now on what is written in the document is written under this client. */
  writeAs(client: number): void {
    this.#clientId = this.doc.clientID = client
  }

  /** In the middle of a Yjs transaction, or of telling its observers: a write now would become part of somebody else's edit. */
  get #busy(): boolean {
    const { doc } = this.#replica
    return doc._transaction !== null || doc._transactionCleanups.length > 0
  }

  /** Makes a change of what the document shows, in one Yjs transaction, and returns the update that it is. Never throws. */
  write(change: (doc: Y.Doc, transaction: Y.Transaction) => void): Uint8Array | undefined {
    const { doc } = this
    this.#captured = undefined
    try {
      doc.transact((transaction) => {
        change(doc, transaction)
        const small = smallUpdateOf(transaction)
        if (small === undefined) return
        if (transaction.deleteSet.clients.size > 0) noteRemoved(small, removedIn(transaction))
        this.#captured = small
      }, LOCAL)
    } catch (error) {
      this.#host.report(listenerFailed(error))
    }
    const update = this.#captured
    if (update !== undefined) this.#unsettled.push(update)
    return update
  }

  /** This update is written in the document, for all who look: `make` is called before the first of them does. */
  protected owe(update: Uint8Array, make: (doc: Y.Doc) => void): void {
    this.#unsettled.push(update)
    this.#owed = make
  }

  #pay(make: (doc: Y.Doc) => void): void {
    const { doc } = this.#replica
    this.#owed = undefined
    // What updates it is was said before, and nobody asks again.
    this.#captured = new Uint8Array()
    try {
      doc.transact(() => make(doc), LOCAL)
    } catch (error) {
      this.#host.report(listenerFailed(error))
    }
  }

  /** Takes in what has become part of the history since. */
  settle(newest: Link | undefined = this.#host.newest(this.address)): void {
    // An applied update would become part of the edit that is under way; it is taken in when that is over.
    this.#isBehind = this.#settling || this.#busy
    if (this.#isBehind || newest === this.#link) return
    if (newest !== undefined && newest.previous === this.#link && newest.update === this.#unsettled[0]) {
      // Our own, which is how it is for each key that is pressed.
      this.#link = newest
      this.#unsettled.shift()
      return
    }
    const updates = updatesSince(this.#link, newest)
    // In a new life what the document holds has other names.
    if (updates === undefined || updates.some(isMarked)) {
      this.reset(newest)
      return
    }
    this.#link = newest
    this.#settling = true
    for (const update of updates) if (!this.#isOwn(update)) this.#feed(update)
    this.#settling = false
  }

  /** Hands over the direct edits so far, as one update. */
  flush(): void {
    if (this.#problem !== undefined) {
      this.#pending = []
      this.#undo(new Error(this.#problem))
      return
    }
    if (this.#pending.length === 0) return
    const taken = this.#pending
    this.#pending = []
    let update: Uint8Array
    try {
      update = mergeUpdates(taken)
      const parsed = this.#content.parse(update)
      const why = this.#content.refuse?.(parsed, this.doc, true)
      if (why !== undefined) throw new Error(why)
      noteMerged(update, taken)
    } catch (error) {
      this.#undo(error)
      return
    }
    this.#unsettled.push(update)
    try {
      this.#host.commit(this.address, update)
    } catch (error) {
      // The document holds the edit, and later ones build on it: it goes with the next hand-over.
      this.#unsettled = this.#unsettled.filter((other) => other !== update)
      if (error instanceof StmError && error.code === 'change-too-large') {
        // It will never fit, and nothing that is typed after it could go without it.
        this.#undo(error)
        return
      }
      this.#pending.unshift(update)
      this.#host.report(error)
    }
  }

  /** Makes the document anew from a history, because it may hold what the history does not. Listeners are told. */
  reset(link: Link | undefined): void {
    const kept = [...this.#pending, ...this.#orphans]
    this.#detach('made anew')
    this.#pending = []
    this.#problem = undefined
    this.#orphans.clear()
    this.#unsettled = []
    this.#link = link
    // Clocks of this client that the history has lost may be somewhere else: they must never be given out again.
    this.#clientId = this.#host.renewClientId()
    this.#replica = this.#open()
    for (const update of kept) this.#adopt(update)
    for (const listener of [...this.#resetListeners]) {
      try {
        listener()
      } catch (error) {
        this.#host.report(listenerFailed(error))
      }
    }
  }

  onReset(listener: () => void): () => void {
    this.#resetListeners.add(listener)
    return () => this.#resetListeners.delete(listener)
  }

  destroy(): void {
    this.#detach('closed')
    this.#resetListeners.clear()
  }

  #open(): Replica {
    const { report } = this.#host
    const replica = load(guard(this.#content.create(this.address), report), this.#content, this.#link, report)
    const { doc } = replica
    // After loading: Yjs takes its own id in somebody else's update for a clash.
    doc.clientID = this.#clientId
    doc.on('beforeObserverCalls', (transaction) => {
      // Yjs tells of one transaction after the other.
      this.#removed = undefined
      const { origin, deleteSet } = transaction
      if (origin === REMOTE || deleteSet.clients.size === 0) return
      if (origin !== LOCAL || this.#captured === undefined) this.#removed = removedIn(transaction)
    })
    doc.on('afterTransactionCleanup', (transaction) => {
      const { origin } = transaction
      if (origin === REMOTE || (origin === LOCAL && this.#captured !== undefined)) return
      // What goes again may be what cannot be encoded.
      if (origin !== LOCAL && this.#problem !== undefined) return
      let update: Uint8Array | undefined
      try {
        update = updateOf(transaction)
      } catch (error) {
        this.#goesAgain(`Yjs cannot encode it (${error instanceof Error ? error.message : String(error)})`)
        return
      }
      if (update === undefined) return
      if (this.#removed !== undefined) noteRemoved(update, this.#removed)
      if (origin === LOCAL) this.#captured = update
      else this.#addPending(update)
    })
    const { problem } = this.#content
    if (problem !== undefined) {
      doc.on('afterTransaction', (transaction) => {
        if (transaction.origin === LOCAL || transaction.origin === REMOTE) return
        const why = problem(transaction, () => this.#history())
        if (why !== undefined) this.#goesAgain(why)
      })
    }
    doc.on('afterAllTransactions', () => {
      this.#checkClientId()
      this.#checkComplete()
      if (this.#isBehind) this.settle()
    })
    return replica
  }

  /** A direct edit of the old document goes into the new one: now, or as soon as what it was made on is there again. */
  #adopt(update: Uint8Array): void {
    this.#orphans.add(update)
    const isIn = this.#feed(update, () => {
      this.#orphans.delete(update)
      this.#addPending(update)
    })
    if (!isIn)
      this.#reportUndone(new Error('it was made on a Change that was refused, and comes back only if that does'))
  }

  *#history(): Iterable<Uint8Array> {
    const kept = updatesSince(undefined, this.#link) ?? []
    for (const update of kept) if (!isMarked(update)) yield update
    const { generations } = this.#replica
    if (generations !== undefined) yield* [...generations.beginning, ...generations.missed]
    yield* this.#unsettled
    yield* this.#pending
  }

  /** The direct edits of this task are not handed over. */
  #goesAgain(why: string): void {
    this.#problem ??= why
    this.#host.dirty(this)
  }

  #addPending(update: Uint8Array): void {
    this.#pending.push(update)
    this.#host.dirty(this)
  }

  #feed(update: Uint8Array, onApplied?: () => void): boolean {
    return this.replica.feed(update, {
      onApply: (client, end) => {
        // Somebody else writes under our client id. Two documents that share one never agree again, so we take another.
        if (client !== this.#clientId || end <= Y.getState(this.doc.store, client)) return
        this.writeAs(this.#host.renewClientId())
      },
      onApplied,
    })
  }

  #isOwn(update: Uint8Array): boolean {
    const at = this.#unsettled.findIndex((own) => own === update || equalBytes(own, update))
    if (at < 0) return false
    this.#unsettled.splice(at, 1)
    return true
  }

  /** Yjs gives a document another client id when a foreign update that an app applied itself holds ours. */
  #checkClientId(): void {
    if (this.doc.clientID === this.#clientId) return
    const { clientID } = this.doc
    this.#host.renewClientId()
    this.#host.writeAs(clientID)
    this.writeAs(clientID)
  }

  /** Yjs keeps what it cannot apply, without a word. Only an app that applies updates itself can cause that. */
  #checkComplete(): void {
    const { pendingStructs, pendingDs } = this.doc.store
    const incomplete = pendingStructs !== null || pendingDs !== null
    if (incomplete && !this.#incomplete) {
      this.#host.report(
        new YjsError(
          'update-incomplete',
          `The document of "${this.address}" was given an update that builds on something that is not here. ` +
            `Yjs keeps it aside until that comes; until then it is neither shown nor committed.`,
        ),
      )
    }
    this.#incomplete = incomplete
  }

  #undo(cause: unknown): void {
    this.#reportUndone(cause)
    this.reset(this.#host.newest(this.address))
  }

  #reportUndone(cause: unknown): void {
    this.#host.report(
      new YjsError(
        'edit-undone',
        `A direct edit of the ${this.#content.name} "${this.address}" cannot be kept: ${cause instanceof Error ? cause.message : String(cause)}. ` +
          `The document was made anew as everybody else has it. ${this.#content.advice}`,
        { cause },
      ),
    )
  }

  #detach(how: string): void {
    const { doc } = this.#replica
    this.#owed = undefined
    doc.destroy()
    let told = false
    doc.on('update', () => {
      if (told) return
      told = true
      this.#host.report(
        new YjsError(
          'edit-ignored',
          `A document of "${this.address}" was edited after it had been ${how}. The edit is not committed. ` +
            `Bind the editor to what an open handle has, and bind it again in onReset().`,
        ),
      )
    })
  }
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}
