import type { ActionInput, Actions, Agent } from './agent.ts'
import type { Arbiter } from './change.ts'
import type { Collection, List, Readable, Ref, Writes } from './ref.ts'

/**
 * What a transaction body gets: reads from one consistent snapshot plus its own writes, and writes that are buffered.
 *
 * `A` names the arbiters whose refs it may write. Of what it read, wrote or ensured, what has moved when it wants to commit runs the body
 * again; so a body reads refs, writes refs and declares effects, and does nothing else.
 *
 * @example
 * import { collection, counter, list, place } from '@syncline/merge'
 * import { openStore } from '@syncline/store'
 *
 * const cards = collection('cards', { title: '', done: false, at: place() })
 * const todo = cards.list('todo')
 * const steps = list('steps')
 * const edits = counter('edits')
 * const store = await openStore({ space: 'board' })
 *
 * const { change } = store.transact((tx) => {
 *   for (const id of ['a', 'b']) tx.create(cards.at(id), { title: id.toUpperCase() })
 *   tx.moveAll([cards.at('b'), cards.at('a')], todo)
 *   tx.patch(cards.at('a'), { done: true })
 *   const open = [...tx.items(cards)].filter(([, card]) => !card.done)
 *   expect(open.map(([id]) => id)).toEqual(['b'])
 *
 *   tx.insert(steps, 0, ['first', 'second', 'third'])
 *   tx.remove(steps, 1, 1)
 *   tx.reorder(steps, 1, 0)
 *   expect(tx.get(steps)).toEqual(['third', 'first'])
 *
 *   // A form was opened before 'third' was there, and is saved now.
 *   tx.merge(steps, ['first'], ['first', 'last'])
 *   expect(tx.get(steps)).toEqual(['third', 'first', 'last'])
 *
 *   // It depends on the list, and not on the number of edits, which it only looks at and adds to.
 *   tx.ensure(todo)
 *   if (tx.peek(edits) < 100) tx.commute(edits, { add: 1 })
 *   try {
 *     tx.savepoint((part) => {
 *       part.delete(cards.at('b'))
 *       throw new Error('not this part')
 *     })
 *   } catch {
 *     tx.effect('mail', { subject: 'b stays' })
 *   }
 * })
 * expect(store.get(todo)).toEqual(['b', 'a'])
 * expect(change.effects).toMatchObject([{ handler: 'mail', input: { subject: 'b stays' } }])
 * await store.close()
 */
export interface Tx<A extends Arbiter = 'local'> {
  /** Carries the type only: who takes a transaction of fewer arbiters takes one of more, and not the reverse. */
  readonly __arbiters?: (arbiter: A) => void

  /** The value now, own writes included. */
  get<V>(readable: Readable<V>): V
  /** The members of a collection, own writes included, as `[id, value]`, ascending by id. */
  items<V>(collection: Collection<V, Writes, Arbiter>): Iterable<readonly [string, V]>
  /** As `get`, but the commit does not depend on it: what is peeked at may move. */
  peek<V>(readable: Readable<V>): V
  /** Makes the commit depend on a ref that is not written, as if it were: under `isolation: 'snapshot'` reads alone do not. */
  ensure(readable: Readable<unknown>): void

  /** Replaces the value. Of a record only the fields that differ are written. Setting an equal value writes nothing. */
  set<V>(ref: Ref<unknown, { set: V }, A>, value: NoInfer<V>): void
  /** `set(ref, change(get(ref)))`. */
  update<V>(ref: Ref<V | undefined, { set: V }, A>, change: (value: NoInfer<V>) => NoInfer<V>): void
  /**
   * Writes what somebody changed in a whole value: how `mine` differs from `base`, which is what they had, goes over to what is there now, by
   * the fewest writes that the policy of the ref can make. What they did not touch stays as others have left it; where both changed the same,
   * `mine` stands. For a form, a textarea, and whatever else gives a whole value back after a while. Throws as `set` does.
   */
  merge<V>(ref: Ref<unknown, { merge: V }, A>, base: NoInfer<V>, mine: NoInfer<V>): void
  /** Writes the named fields of a record and leaves the others alone. */
  patch<F>(ref: Ref<unknown, { patch: F }, A>, fields: NoInfer<F>): void
  /** Adds to a counter; concurrent additions sum up. `field` names the counter field of a record. */
  add(ref: Ref<unknown, { add: true }, A>, delta: number, field?: string): void

  /** Brings a member of a collection into being. Throws `member-exists` when it is there. */
  create<C>(member: Ref<unknown, { create: C }, A>, value: NoInfer<C>): void
  /** Takes a member out of its collection. Wins over concurrent edits of it. Of an absent member: nothing. */
  delete(member: Ref<unknown, { delete: true }, A>): void
  /** Puts an existing member into `list` at `index` (counted without the member itself; default: at the end), out of the list it was in. */
  move(member: Ref<unknown, { patch: unknown }, A>, list: List<unknown, Writes, A>, index?: number): void
  /** Moves several members, in the given order, so that they stay contiguous whatever others insert. */
  moveAll(members: readonly Ref<unknown, { patch: unknown }, A>[], list: List<unknown, Writes, A>, index?: number): void

  /** Inserts text or items at an index. */
  insert<C>(ref: Ref<unknown, { insert: C }, A>, index: number, content: NoInfer<C>): void
  /** Removes `length` characters or items from an index. */
  remove(ref: Ref<unknown, { remove: true }, A>, index: number, length: number): void
  /** Puts values into a set. Those that are in it already are not written. */
  include<V>(ref: Ref<unknown, { include: V }, A>, ...values: readonly NoInfer<V>[]): void
  /** Takes values out of a set. Whoever puts one in at the same time wins. */
  exclude<V>(ref: Ref<unknown, { include: V }, A>, ...values: readonly NoInfer<V>[]): void
  /**
   * Runs `change` on what a document holds, as this transaction sees it, at once. What it writes there is part of the transaction; when it
   * throws, nothing of it is.
   */
  edit<E>(ref: Ref<unknown, { edit: E }, A>, change: (content: E) => void): void
  /** Moves one item of a list ref. */
  reorder(ref: Ref<unknown, { move: true }, A>, from: number, to: number): void

  /**
   * Writes what does not depend on what others write: it never makes the body run again, and is done anew, on the newest value, when the
   * transaction commits. A ref that was commuted takes no other write in the same transaction (`commuted`). When its member was deleted
   * meanwhile, nothing is written. On `relay` refs it is data, not a function, and made once: an insert
   * keeps the place that it had for its author, and merges as the policy of the ref says.
   */
  commute(ref: Ref<unknown, { add: true }, A>, op: AddOp): void
  commute<C>(ref: Ref<unknown, { insert: C }, A>, op: InsertOp<NoInfer<C>>): void
  commute<V>(ref: Ref<unknown, { include: V }, A>, op: IncludeOp<NoInfer<V>> | ExcludeOp<NoInfer<V>>): void
  commute<V>(ref: Ref<V | undefined, { set: V }, Exclude<A, 'relay'>>, op: (value: NoInfer<V>) => NoInfer<V>): void

  /**
   * Runs `body` as a part of this transaction: when it throws, its own writes and effects are undone and the error goes on, to be caught
   * or not. While it runs, use the `tx` that it gets. A body that returns a promise is awaited, where the transaction is.
   */
  savepoint<T>(body: (tx: Tx<A>) => T): T
  /**
   * Runs `left`; if it comes to `retry`, undoes its writes and effects and runs `right`. When both come to `retry`, so does the whole, until
   * something moves that either has read.
   */
  orElse<L, R>(left: (tx: Tx<A>) => L, right: (tx: Tx<A>) => R): L | R
  /**
   * Gives up this run and waits until something changes that was read; then the body runs again. Return what it "returns", so that the
   * compiler knows that nothing follows. Do not catch what it throws: the transaction does not commit any more in any case.
   */
  retry(): never
  /** The result of `io`, which is run in the first attempt only: later ones get what it gave. A promise that was rejected is asked for again. */
  once<T>(key: string, io: () => T): T

  /** Declares work for after the commit, to be done by the named handler: data on the Change, held until it commits, dropped with the writes. */
  effect(handler: string, input?: unknown): void
  /**
   * Sends an action to an agent once this has committed, in the order of the sends; dropped with the writes. It is an effect on the Change,
   * named `agent:name/action`. Throws `StmError` `invalid-write` when the agent has no such action.
   */
  send<M extends Actions, K extends keyof M & string>(
    agent: Agent<unknown, M>,
    action: K,
    ...input: ActionInput<M[K]>
  ): void
}

/** Adds to a counter, or to the counter field of a record. */
export interface AddOp {
  readonly add: number
  readonly field?: string
}

/** Inserts at an index, by default at the end; an index that has become too large is the end. */
export interface InsertOp<C> {
  readonly insert: C
  readonly index?: number
}

/** Puts values into a set. */
export interface IncludeOp<V> {
  readonly include: readonly V[]
}

/** Takes values out of a set. */
export interface ExcludeOp<V> {
  readonly exclude: readonly V[]
}

/** What can be commuted. */
export type CommuteOp =
  | AddOp
  | InsertOp<unknown>
  | IncludeOp<unknown>
  | ExcludeOp<unknown>
  | ((value: never) => unknown)
