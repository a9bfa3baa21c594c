import type {
  Actions,
  Agent,
  AnyCollection,
  AnyRef,
  Arbiter,
  Collection,
  InvariantCheck,
  Policy,
  Readable,
  Reading,
  Ref,
  Snapshot,
  Tx,
  Writes,
} from '@syncline/stm'
import type { ReadHandle, WriteHandle } from './handle.ts'
import type { LiveAgent } from './live-agent.ts'
import type { Presence } from './presence.ts'
import type { Receipt } from './receipt.ts'
import type { Loaded } from './on-demand.ts'
import type { RefusedChanges } from './refused.ts'
import type { ChangesOptions, Report, Selected, Selector } from './report.ts'
import type { Status } from './status.ts'
import type { TransactAsyncOptions, TransactOptions, UndoAsyncOptions } from './transact-options.ts'
import type { UndoStack, Undone } from './undo-stack.ts'
import type { InvariantOptions } from './validity.ts'
import type { Violation } from './violations.ts'

/** A live store: one space, kept in memory, on this device and on the relay. Made by `openStore`. */
export interface Store {
  /** The space this store holds. */
  readonly space: string

  /** Everything as it is now, as an immutable value. The same object until something changes. Cost: constant. */
  readonly snapshot: Snapshot

  /** The value of a ref, the ids of a collection or of a list, now. */
  get<V>(readable: Readable<V>): V

  /**
   * What `get` gives, judged by the schema of the ref: merging never refuses, so what others wrote, or other versions of the app, may be what a
   * transaction here could not have written. Cost: the schema is asked each time.
   *
   * @example
   * import { lww } from '@syncline/merge'
   * import { openStore } from '@syncline/store'
   * import { z } from 'zod'
   *
   * const email = lww('email', null, { schema: z.email().nullable() })
   * const store = await openStore({ space: 'profile' })
   * expect(() => store.transact((tx) => tx.set(email, 'nobody'))).toThrow('Invalid email address')
   * expect(store.read(email)).toEqual({ invalid: false, value: null })
   * await store.close()
   */
  read<V>(ref: Ref<V, Writes, Arbiter>): Reading<V>

  /**
   * The members of a collection now, as `[id, value]`, ascending by id.
   *
   * @example
   * import { collection } from '@syncline/merge'
   * import { openStore } from '@syncline/store'
   *
   * const cards = collection('cards', { title: '' })
   * const store = await openStore({ space: 'board' })
   * for (const id of ['b', 'a']) store.transact((tx) => tx.create(cards.at(id), { title: `card ${id}` }))
   * expect([...store.items(cards)].map(([id, { title }]) => `${id}: ${title}`)).toEqual(['a: card a', 'b: card b'])
   * await store.close()
   */
  items<V>(collection: Collection<V, Writes, Arbiter>): Iterable<readonly [string, V]>

  /**
   * Runs `body` on the newest snapshot and commits its writes to `local` refs together, or not at all: they are in memory when it returns.
   *
   * Throws what the body throws, and `StmError`: `async-body`, `would-block` when it comes to `tx.retry()`, `change-too-large`,
   * `validation-failed` and `too-large-for-ref` when a value at its end is not what the options of its ref allow, `invariant-failed`, `nested-transaction` when it is
   * called in a body. Nothing has happened then.
   */
  transact<T>(body: (tx: Tx) => T, options?: TransactOptions): Receipt<T>

  /**
   * Runs a body that may await, on the snapshot at its beginning, and commits its writes together, or not at all.
   *
   * When something that it read, wrote or ensured has moved meanwhile, it runs again, on the newest snapshot, after a short random wait; after
   * `tx.retry()` when something that it read changes. So it must only read refs, write refs and declare effects; wrap other work in
   * `tx.once`. `arbiter` says whose refs it writes beside `local` ones. Other transactions never wait for it, except that younger ones of
   * this kind let one that was overtaken three times go first.
   *
   * Rejects with what the body throws, the reason of the signal, and `StmError` `attempts-exhausted`, which names what moved; where a relay
   * decides, also with `StoreError` `offline` and `unadopted`, before anything was sent, and `refused`; where this browser decides, with the `StoreError` of a
   * storage that failed, after which nothing has happened, unless the storage is gone for good, by `storage-newer` or `storage-evicted`, and the message says that it is not known:
   * so, too, where a relay decides and it was not sent yet.
   * Cost of a commit: what was read and written.
   *
   * @example
   * import { counter, lww } from '@syncline/merge'
   * import { openStore } from '@syncline/store'
   *
   * const rate = lww('rate', 2)
   * const total = counter('total')
   * const store = await openStore({ space: 'shop' })
   * const { value } = await store.transactAsync(async (tx) => {
   *   const price = await tx.once('price', async () => 10)
   *   tx.add(total, price * tx.get(rate))
   *   return tx.get(total)
   * })
   * expect(value).toBe(20)
   * await store.close()
   */
  transactAsync<T, A extends Arbiter = 'local'>(
    body: (tx: Tx<'local' | A>) => T | PromiseLike<T>,
    options?: TransactAsyncOptions<A>,
  ): Promise<Receipt<T>>

  /**
   * Takes back the newest step of this tab's own transactions, as one new Change; several may be one step, see {@link UndoStack}. The same as
   * `undoStack().undo()`.
   *
   * A part goes back only while this tab's write stands there: what others wrote later stays, and is named in `superseded`; what cannot be
   * taken back in `irreversible`. When there is nothing to undo, or nothing of it is left, no Change is made. Throws `StmError`
   * `nested-transaction` in the body of a transaction, `change-too-large`, `validation-failed`, `too-large-for-ref`, `invariant-failed`; `StoreError`
   * `undo-needs-async` for a step that wrote `browser` or `relay` refs, and while an `undoAsync` is under way; `unknown-policy` after a reload, while
   * no ref of the kind has been read yet. Nothing has happened then. Cost: what the step wrote.
   *
   * @example
   * import { counter, lww } from '@syncline/merge'
   * import { openStore } from '@syncline/store'
   *
   * const title = lww('title', 'untitled')
   * const stars = counter('stars')
   * const store = await openStore({ space: 'board' })
   * store.transact((tx) => {
   *   tx.set(title, 'Plan')
   *   tx.add(stars, 2)
   * })
   * const { superseded } = store.undo()
   * expect([store.get(title), store.get(stars), superseded]).toEqual(['untitled', 0, []])
   * await store.close()
   */
  undo(): Undone

  /**
   * Does again what was undone last; a new transaction clears it. The same as `undoStack().redo()`, and as `undo` in everything else.
   *
   * @example
   * import { lww } from '@syncline/merge'
   * import { openStore } from '@syncline/store'
   *
   * const title = lww('title', 'untitled')
   * const store = await openStore({ space: 'board' })
   * store.transact((tx) => tx.set(title, 'Plan'))
   * store.undo()
   * store.redo()
   * expect(store.get(title)).toBe('Plan')
   * await store.close()
   */
  redo(): Undone

  /**
   * As `undo`, for every step: one that wrote `browser` or `relay` refs is taken back as `transactAsync` commits, by whoever decides about them.
   * The same as `undoStack().undoAsync()`.
   *
   * Resolves when it is committed. When what the step wrote has been overwritten before that is decided, that stays and is named in
   * `superseded`, as ever. Those of one scope run one after the other: asked twice, two steps go back. Of a step that wrote local refs only, with
   * none before it, it is done before this returns. Rejects as `undo` throws (never with `undo-needs-async`) and as `transactAsync` does: `offline`,
   * `refused`, `closed`, `no-arbiter`, `attempts-exhausted`, the signal's reason. Nothing has happened then, and the step can be undone again.
   *
   * @example
   * import { lww } from '@syncline/merge'
   * import { openStore } from '@syncline/store'
   *
   * const draft = lww('draft', '', { arbiter: 'browser' })
   * const store = await openStore({ space: 'board' })
   * await store.transactAsync((tx) => tx.set(draft, 'Dear Ada'), { arbiter: 'browser' })
   * expect(() => store.undo()).toThrow('Call undoAsync()')
   * await store.undoAsync()
   * expect(store.get(draft)).toBe('')
   * await store.close()
   */
  undoAsync(options?: UndoAsyncOptions): Promise<Undone>

  /**
   * As `redo`, for every step, and as `undoAsync` in everything else. The same as `undoStack().redoAsync()`.
   *
   * @example
   * import { lww } from '@syncline/merge'
   * import { openStore } from '@syncline/store'
   *
   * const transport = relayHere()
   * const seat = lww<string | null>('seat', null, { arbiter: 'relay' })
   * const store = await openStore({ space: 'cinema', transport })
   * await store.transactAsync((tx) => tx.set(seat, 'ada'), { arbiter: 'relay' })
   * await store.undoAsync()
   * expect(store.get(seat)).toBe(null)
   * await store.redoAsync()
   * expect(store.get(seat)).toBe('ada')
   * await store.close()
   */
  redoAsync(options?: UndoAsyncOptions): Promise<Undone>

  /**
   * What can be undone in one scope, the default one or another: the same object for the same scope.
   *
   * @example
   * import { lww } from '@syncline/merge'
   * import { openStore } from '@syncline/store'
   *
   * const title = lww('title', '')
   * const zoom = lww('zoom', 1)
   * const store = await openStore({ space: 'board' })
   * store.transact((tx) => tx.set(title, 'Plan'))
   * store.transact((tx) => tx.set(zoom, 2), { undo: { scope: 'view' } })
   * store.undoStack('view').undo()
   * expect([store.get(title), store.get(zoom)]).toEqual(['Plan', 1])
   * expect([store.undoStack().undoable, store.undoStack('view').undoable]).toEqual([true, false])
   * await store.close()
   */
  undoStack(scope?: string): UndoStack

  /**
   * As `transact`, and may be called in the body of another transaction: it commits whatever becomes of that one. When it writes what the
   * other one depends on, the other one throws `overtaken`, or runs again if it may await.
   *
   * @example
   * import { counter, lww } from '@syncline/merge'
   * import { openStore } from '@syncline/store'
   *
   * const tries = counter('tries')
   * const name = lww('name', '')
   * const store = await openStore({ space: 'sign-up' })
   * expect(() => store.transact((tx) => {
   *   store.independent((log) => log.add(tries, 1))
   *   tx.set(name, 'taken')
   *   throw new Error('not this one')
   * })).toThrow('not this one')
   * expect([store.get(tries), store.get(name)]).toEqual([1, ''])
   * await store.close()
   */
  independent<T>(body: (tx: Tx) => T, options?: TransactOptions): Receipt<T>

  /**
   * Runs `io` and returns what it gives. Wrap in it what must never run in a body, which may run again: inside of one (up to its first
   * `await`) it throws `StmError` `io-in-transaction`.
   *
   * @example
   * import { openStore } from '@syncline/store'
   *
   * const store = await openStore({ space: 'board' })
   * const print = () => store.io(() => 'printed')
   * expect(print()).toBe('printed')
   * expect(() => store.transact(print)).toThrow('in the body of a transaction')
   * await store.close()
   */
  io<T>(io: () => T): T

  /**
   * An agent at work in this store: what is sent to it is done one at a time, in the order in which it came, each as one transaction. The same
   * object for the same name. What is sent is kept in memory and done by this tab, at most once; agents of other tabs on the same ref do
   * theirs beside it.
   *
   * Throws `StoreError` `agent-clash` when an agent of this name is at work on another ref.
   *
   * @example
   * import { lww } from '@syncline/merge'
   * import { agent } from '@syncline/stm'
   * import { openStore } from '@syncline/store'
   *
   * const visits = agent('visits', lww('visits', 0), { actions: { add: (count, n: number) => count + n } })
   * const store = await openStore({ space: 'shop' })
   * const live = store.agent(visits)
   * live.send('add', 2)
   * store.transact((tx) => tx.send(visits, 'add', 3))
   * await live.idle()
   * expect(live.state).toBe(5)
   * await store.close()
   */
  agent<S, M extends Actions>(agent: Agent<S, M>): LiveAgent<S, M>

  /**
   * Opens a ref: a handle that may read, or read and write. While it is open nobody in this browser can delete the ref, and the value of a
   * transient one stays, whichever tab has it open. Handles are a promise among those who use them: the ref itself can be read and written
   * beside them. They close with the store. Cost: two locks.
   *
   * Rejects with `StoreError` `invalid-handle` for what is no single ref, or no permission.
   *
   * @example
   * import { lww } from '@syncline/merge'
   * import { memoryStorage, openStore } from '@syncline/store'
   *
   * const filter = lww('filter', '', { arbiter: 'browser', persistence: 'transient' })
   * const storage = memoryStorage()
   * const [one, two] = [await openStore({ space: 'board', storage }), await openStore({ space: 'board', storage })]
   * const writing = await one.open(filter, 'write')
   * await writing.set('mine')
   * const reading = await two.open(filter, 'read')
   * await writing.close()
   * expect(reading.get()).toBe('mine')
   *
   * await reading.close()
   * const anew = await one.open(filter, 'read')
   * expect(anew.get()).toBe('')
   * await one.close()
   * await two.close()
   */
  open<V, W extends Writes, A extends Arbiter>(ref: Ref<V, W, A>, permission: 'write'): Promise<WriteHandle<V, W, A>>
  open<V>(ref: Ref<V, Writes, Arbiter>, permission: 'read'): Promise<ReadHandle<V>>

  /**
   * Deletes a ref that nobody in this browser has open: a member leaves its collection; a `browser` ref reads as if nobody had written, and
   * who opens it next begins anew. Rejects with `StoreError` `in-use` otherwise.
   *
   * @example
   * import { collection } from '@syncline/merge'
   * import { openStore } from '@syncline/store'
   *
   * const cards = collection('cards', { title: '' })
   * const store = await openStore({ space: 'board' })
   * store.transact((tx) => tx.create(cards.at('a'), { title: 'A' }))
   * const handle = await store.open(cards.at('a'), 'read')
   * await expect(store.delete(cards.at('a'))).rejects.toThrow('another handle on it is open')
   * await handle.close()
   * await store.delete(cards.at('a'))
   * expect(store.get(cards)).toEqual([])
   * await store.close()
   */
  delete(
    ref: Ref<unknown, { readonly delete: true }, 'local' | 'browser'> | Ref<unknown, Writes, 'browser'>,
  ): Promise<Receipt<void>>

  /**
   * Tells `listener` of each commit, of whatever origin, that makes what `selector` reads differ: a ref, a collection, a list or a range,
   * several of them, whatever a function reads from a Snapshot, or `everything`. Returns `unsubscribe`.
   *
   * A commit is told when it is visible as a whole, to everybody before the next one; what arrives together, in one message of the relay or
   * one entry of a sibling tab, is one. Each report goes on where the last one ended. A listener that throws harms nobody else. A function is
   * called again when something that it read the last time has changed, and there is a report when its result is other data. With `every`
   * there is at most one report in so many milliseconds, always ending with the latest.
   *
   * Throws `StoreError` `closed`, `unknown-snapshot` or `invalid-rate`, and what a function throws when it runs first. Cost: of a commit, what
   * it touches, however many watch; of watching nothing while nothing happens, not even an old Snapshot.
   *
   * @example
   * import { collection, counter, lww } from '@syncline/merge'
   * import { openStore } from '@syncline/store'
   *
   * const cards = collection('cards', { title: '', done: false })
   * const votes = counter('votes')
   * const store = await openStore({ space: 'board' })
   * const told: string[] = []
   * store.changes(votes, ({ value, before }) => told.push(`${before.get(votes)} → ${value} votes`))
   * store.changes([votes, cards], ({ value: [count, ids] }) => told.push(`${count} votes, ${ids.length} cards`))
   * const isLively = (snapshot: typeof store.snapshot) => snapshot.get(votes) + snapshot.get(cards).length > 2
   * store.changes(isLively, ({ value }) => told.push(value ? 'lively' : 'quiet'))
   *
   * store.transact((tx) => tx.add(votes, 2))
   * store.transact((tx) => tx.create(cards.at('a'), { title: 'A' }))
   * expect(told).toEqual(['0 → 2 votes', '2 votes, 0 cards', '2 votes, 1 cards', 'lively'])
   * await store.close()
   */
  changes<const S extends Selector>(
    selector: S,
    listener: (report: Report<Selected<S>>) => void,
    options?: ChangesOptions,
  ): () => void
  /**
   * The same as an async iterable. Each loop watches for itself, from the moment it begins. A loop that is slower than the commits gets one
   * report of all that has happened since its last one: nothing piles up. `break`, the `signal` and `close()` end it, the last after what was
   * still to be told.
   *
   * @example
   * import { counter } from '@syncline/merge'
   * import { openStore } from '@syncline/store'
   *
   * const votes = counter('votes')
   * const store = await openStore({ space: 'board' })
   * const seen: number[] = []
   * const loop = (async () => {
   *   for await (const { value } of store.changes(votes, { initial: true })) seen.push(value)
   * })()
   * await Promise.resolve()
   * for (let i = 0; i < 1000; i++) store.transact((tx) => tx.add(votes, 1))
   * await store.close()
   * await loop
   * expect(seen).toEqual([0, 1, 1000])
   */
  changes<const S extends Selector>(selector: S, options?: ChangesOptions): AsyncIterable<Report<Selected<S>>>

  /**
   * Calls `listener` when a ref, or a member of a collection, comes to hold what its `schema` or `maxBytes` forbid, or what is of a version that
   * this code does not know, and when that is over; at once for what is so already. Transactions cannot do that, merges and editors can. Told after those who watch. Returns `unsubscribe`. Cost
   * of a commit: each changed ref is judged.
   *
   * @example
   * import { list } from '@syncline/merge'
   * import { openStore } from '@syncline/store'
   *
   * const tags = list<string>('tags', { maxBytes: 10 })
   * const store = await openStore({ space: 'article' })
   * // Code that knows no limit, as an older version of the app may be.
   * store.transact((tx) => tx.insert(list<string>('tags'), 0, 'much too long a tag'))
   * const told: string[] = []
   * const stop = store.onViolation(tags, ({ ref, rule, isOver }) => told.push(`${ref.address} ${rule} ${isOver}`))
   * store.transact((tx) => tx.remove(tags, 0, 1))
   * expect(told).toEqual(['tags maxBytes false', 'tags maxBytes true'])
   * stop()
   * await store.close()
   */
  onViolation(
    of: AnyRef | AnyCollection | readonly (AnyRef | AnyCollection)[],
    listener: (violation: Violation) => void,
  ): () => void

  /**
   * Gives a name to what must hold between refs: `check` says true, or false, or why it does not hold. It reads from the Snapshot it gets and
   * does nothing else. Returns how to take it away.
   *
   * A transaction that writes something which the invariant read the last time is judged by what there would be after it: it is refused with
   * `StmError` `invariant-failed` when that does not hold. What others write is merged all the same: then `onViolation` is told, after those
   * who watch, and again when it is over; at once when it does not hold now. Cost of a transaction: one look-up for each ref that it writes,
   * and a run of each invariant that is concerned, before and after.
   *
   * Throws `StmError` `invariant-exists` for a name that is taken, and `strict-invariant`.
   *
   * @example
   * import { counter } from '@syncline/merge'
   * import { openStore } from '@syncline/store'
   *
   * const [checking, savings] = [counter('checking'), counter('savings')]
   * const store = await openStore({ space: 'bank' })
   * store.invariant('no debts', (snapshot) => {
   *   const sum = snapshot.get(checking) + snapshot.get(savings)
   *   return sum >= 0 || `You would owe ${-sum}.`
   * })
   * store.transact((tx) => tx.add(savings, 100))
   * store.transact((tx) => tx.add(checking, -60))
   * expect(() => store.transact((tx) => tx.add(checking, -60))).toThrow('You would owe 20.')
   * expect([store.get(checking), store.get(savings)]).toEqual([-60, 100])
   * await store.close()
   */
  invariant(name: string, check: InvariantCheck, options?: InvariantOptions): () => void

  /** Where the data is and how the link is doing. The same object until something changes. */
  readonly status: Status
  onStatus(listener: (status: Status) => void): () => void

  /** Resolves when everything committed so far is durable on this device. Rejects with a `StoreError` when it cannot be, or on `close()`. */
  durable(): Promise<void>
  /**
   * Resolves when everything committed so far is stored by the relay. Stays pending while offline.
   *
   * @example
   * import { counter } from '@syncline/merge'
   * import { openStore } from '@syncline/store'
   *
   * const votes = counter('votes')
   * const store = await openStore({ space: 'board', transport: relayHere() })
   * store.disconnect()
   * const receipt = store.transact((tx) => tx.add(votes, 1))
   * const patience = new AbortController()
   * const waiting = receipt.synced({ signal: patience.signal })
   * patience.abort(new Error('Later, then.'))
   * await expect(waiting).rejects.toThrow('Later, then.')
   *
   * store.connect()
   * await store.synced()
   * expect(store.status).toMatchObject({ pending: 0, saved: 'relay' })
   * await store.close()
   */
  synced(options?: { readonly signal?: AbortSignal }): Promise<void>

  /** The Changes that the relay refused, kept on this device until dropped. */
  readonly refused: RefusedChanges

  /** Who else is here. Throws `StoreError` `no-presence` unless the store was opened with the `presence` option. */
  readonly presence: Presence

  /**
   * Brings what the option `onDemand` names into memory: of a member or a list the whole collection, of a doc all docs of its kind. Resolves when it can be read and written, as if it had been there all
   * the time; at once for all else. It stays until each who has loaded it has released it. Rejects with `StoreError` `load-failed` when this device's log does
   * not say what it is, and as reading the storage does. Cost: what is stored of it, read, and what was written since the last checkpoint.
   *
   * @example
   * import { collection } from '@syncline/merge'
   * import { memoryStorage, openStore } from '@syncline/store'
   *
   * const archive = collection('archive', { title: '' })
   * const store = await openStore({ space: 'board', storage: memoryStorage(), onDemand: [archive] })
   * expect(() => store.get(archive)).toThrow('is not loaded')
   *
   * const loaded = await store.load(archive)
   * store.transact((tx) => tx.create(archive.at('a'), { title: 'Plan' }))
   * expect([store.isLoaded(archive), store.get(archive)]).toEqual([true, ['a']])
   * loaded.release()
   * await store.close()
   */
  load(readable: Readable<unknown>): Promise<Loaded>
  /** Whether something is in memory, so that it can be read and written. */
  isLoaded(readable: Readable<unknown>): boolean

  /** Opens the link to the relay, for all tabs of this browser. On by default. */
  connect(): void
  /** Closes the link, for all tabs of this browser, until `connect()`. Work goes on; it syncs later. */
  disconnect(): void

  /**
   * The policy of a ref, bound to this store: the way to the live document behind it. For adapters.
   *
   * @example
   * import { lww } from '@syncline/merge'
   * import { openStore } from '@syncline/store'
   *
   * const store = await openStore({ space: 'board' })
   * expect(store.policyOf(lww('title', '')).tag).toBe('lww')
   * await store.close()
   */
  policyOf(ref: AnyRef): Policy

  /**
   * Writes what is not durable yet, then lets go of everything: storage, sockets, locks, channels, timers, listeners.
   * Rejects with `StoreError` `storage-failed` when the storage did not take all of it within 5 s; everything is let go all the same.
   * In the body of a transaction it begins at the end of the outermost one, or at its first `await`: what a sync body has written is saved.
   */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}
