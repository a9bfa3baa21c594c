import { isSendName, sendName, type ActionInput, type Actions, type Agent } from './agent.ts'
import type { Arbiter } from './change.ts'
import { commuted } from './commute.ts'
import { StmError } from './errors.ts'
import { Drafts } from './drafts.ts'
import { familyIn, sortingOf, type Group } from './family.ts'
import type { Footprint } from './footprint.ts'
import type { View } from './memory.ts'
import type { Edit, OwnSets } from './own-sets.ts'
import type { EditContext, Intent, Policy } from './policy.ts'
import type { AnyCollection, AnyList, AnyRef, Collection, List, Readable, Ref, Writes } from './ref.ts'
import { itemsOf } from './snapshot.ts'
import type { SortedSet } from './sorted.ts'
import { keepShape } from './shapes.ts'
import type { AddOp, CommuteOp, ExcludeOp, IncludeOp, InsertOp, Tx } from './transaction.ts'
import { toValue, type Value } from './value.ts'
import { missing, type DraftWrite } from './write.ts'

/** An effect as a body declares it; it has an id when it commits. */
export interface DeclaredEffect {
  readonly handler: string
  readonly input: Value
  /** The agent and the action, when it is a send. */
  readonly to?: { readonly agent: Agent; readonly action: string }
}

const noEffects: readonly DeclaredEffect[] = []

/** Thrown by `tx.retry()`. Who swallows it changes nothing: the workspace knows. */
class RetrySignal extends Error {
  constructor() {
    super('This transaction waits for what it has read. The error is meant for the transaction: do not catch it.')
    this.name = 'RetrySignal'
  }
}

/** The private workspace of one transaction, or of a savepoint in one: drafts over a view that does not move. */
export class Workspace<A extends Arbiter> implements Tx<A> {
  readonly #view: View
  readonly #context: EditContext
  readonly #footprint: Footprint
  readonly #parent: Workspace<A> | undefined
  readonly #writes = new Drafts()
  #sets: OwnSets | undefined
  #effects: DeclaredEffect[] | undefined
  /** The savepoint that is open. */
  #child: Workspace<A> | undefined
  #isOver = false
  #isRetrying = false

  constructor(view: View, context: EditContext, footprint: Footprint, parent?: Workspace<A>) {
    this.#view = view
    this.#context = context
    this.#footprint = footprint
    this.#parent = parent
  }

  /** The writes so far, by the order of the first to each ref. */
  writes(): readonly DraftWrite[] {
    return this.#writes.all
  }

  effects(): readonly DeclaredEffect[] {
    return this.#effects ?? noEffects
  }

  /** Whether the body came to `retry`, and no `orElse` had another way. */
  get isRetrying(): boolean {
    return this.#isRetrying
  }

  /** Whether a savepoint was begun and not awaited. */
  get hasOpenSavepoint(): boolean {
    return this.#child !== undefined
  }

  get<V>(readable: Readable<V>): V {
    this.#assertRunning()
    this.#footprint.read(readable)
    return this.#read(readable)
  }

  items<V>(collection: Collection<V, Writes, Arbiter>): Iterable<readonly [string, V]> {
    return itemsOf(this, collection)
  }

  peek<V>(readable: Readable<V>): V {
    this.#assertRunning()
    return this.#read(readable)
  }

  ensure(readable: Readable<unknown>): void {
    this.#assertRunning()
    this.#footprint.ensure(readable)
  }

  set<V>(ref: Ref<unknown, { set: V }, A>, value: NoInfer<V>): void {
    this.#write(ref, { kind: 'set', value })
  }

  update<V>(ref: Ref<V | undefined, { set: V }, A>, change: (value: NoInfer<V>) => NoInfer<V>): void {
    const before = this.get(ref)
    if (before === undefined) throw missing(ref)
    this.set(ref, change(before))
  }

  merge<V>(ref: Ref<unknown, { merge: V }, A>, base: NoInfer<V>, mine: NoInfer<V>): void {
    this.#write(ref, { kind: 'merge', base, mine })
  }

  patch<F>(ref: Ref<unknown, { patch: F }, A>, fields: NoInfer<F>): void {
    this.#write(ref, { kind: 'patch', fields: fields as Record<string, unknown> })
  }

  add(ref: Ref<unknown, { add: true }, A>, delta: number, field?: string): void {
    this.#write(ref, field === undefined ? { kind: 'add', delta } : { kind: 'add', delta, field })
  }

  create<C>(member: Ref<unknown, { create: C }, A>, value: NoInfer<C>): void {
    this.#write(member, { kind: 'create', value: value as Record<string, unknown> })
  }

  delete(member: Ref<unknown, { delete: true }, A>): void {
    this.#write(member, { kind: 'delete' })
  }

  move(member: Ref<unknown, { patch: never }, A>, list: List<unknown, Writes, A>, index?: number): void {
    this.moveAll([member], list, index)
  }

  moveAll(members: readonly Ref<unknown, { patch: never }, A>[], list: List<unknown, Writes, A>, index?: number): void {
    this.#assertRunning()
    try {
      const placed = sortingOf(list).placesFor(list, members, index, {
        seed: this.#context.seed,
        value: (ref) => this.#value(ref),
        set: () => {
          this.#footprint.read(list)
          return this.#setOf(list)
        },
      })
      // All writes are made before the first is kept: a move that fails half-way would leave the list in an order that nobody asked for.
      this.#keep(placed.map(([member, intent]) => this.#edited(member, intent)))
    } catch (error) {
      // A refusal tells the body that they are there, or that one is not.
      for (const member of members) this.#footprint.read(member)
      throw error
    }
  }

  insert<C>(ref: Ref<unknown, { insert: C }, A>, index: number, content: NoInfer<C>): void {
    this.#write(ref, { kind: 'insert', index, content })
  }

  remove(ref: Ref<unknown, { remove: true }, A>, index: number, length: number): void {
    this.#write(ref, { kind: 'remove', index, length })
  }

  include<V>(ref: Ref<unknown, { include: V }, A>, ...values: readonly NoInfer<V>[]): void {
    this.#write(ref, { kind: 'include', values })
  }

  exclude<V>(ref: Ref<unknown, { include: V }, A>, ...values: readonly NoInfer<V>[]): void {
    this.#write(ref, { kind: 'exclude', values })
  }

  edit<E>(ref: Ref<unknown, { edit: E }, A>, change: (content: E) => void): void {
    this.#write(ref, { kind: 'edit', change })
  }

  reorder(ref: Ref<unknown, { move: true }, A>, from: number, to: number): void {
    this.#write(ref, { kind: 'move', from, to })
  }

  commute(ref: Ref<unknown, { add: true }, A>, op: AddOp): void
  commute<C>(ref: Ref<unknown, { insert: C }, A>, op: InsertOp<NoInfer<C>>): void
  commute<V>(ref: Ref<unknown, { include: V }, A>, op: IncludeOp<NoInfer<V>> | ExcludeOp<NoInfer<V>>): void
  commute<V>(ref: Ref<V | undefined, { set: V }, Exclude<A, 'relay'>>, op: (value: NoInfer<V>) => NoInfer<V>): void
  commute(ref: AnyRef, op: CommuteOp): void {
    this.#assertRunning()
    const before = this.#find(ref) ?? this.#opened(ref)
    let after: DraftWrite
    try {
      after = commuted(before, op, this.#context)
    } catch (error) {
      this.#footprint.read(ref)
      throw error
    }
    const isWritten = before.commuted === undefined && this.#find(ref) !== undefined
    // What was written otherwise before stays a write of that kind.
    this.#keep([[before, isWritten ? { ...after, commuted: undefined } : after]])
  }

  savepoint<T>(body: (tx: Tx<A>) => T): T {
    return this.#nest(body, undefined) as T
  }

  orElse<L, R>(left: (tx: Tx<A>) => L, right: (tx: Tx<A>) => R): L | R {
    return this.#nest(left, () => this.savepoint(right)) as L | R
  }

  retry(): never {
    this.#assertRunning()
    this.#isRetrying = true
    throw new RetrySignal()
  }

  once<T>(key: string, io: () => T): T {
    this.#assertRunning()
    const once = (this.#footprint.once ??= new Map())
    if (once.has(key)) return once.get(key) as T
    const result = io()
    once.set(key, result)
    if (isThenable(result)) {
      const forget = (): void => {
        if (once.get(key) === result) once.delete(key)
      }
      void Promise.resolve(result).then(undefined, forget)
    }
    return result
  }

  effect(handler: string, input: unknown = null): void {
    if (isSendName(handler)) {
      throw new StmError('invalid-write', `"${handler}" would be a send to an agent. Use tx.send(), or another name.`)
    }
    this.#declare(handler, input)
  }

  send<M extends Actions, K extends keyof M & string>(
    agent: Agent<unknown, M>,
    action: K,
    ...input: ActionInput<M[K]>
  ): void {
    const [value = null]: readonly unknown[] = input
    this.#declare(sendName(agent, action), value, { agent, action })
  }

  #declare(handler: string, input: unknown, to?: DeclaredEffect['to']): void {
    this.#assertRunning()
    const value = toValue(input, `The input of effect "${handler}"`)
    ;(this.#effects ??= []).push(to === undefined ? { handler, input: value } : { handler, input: value, to })
  }

  #assertRunning(): void {
    if (this.#isOver || this.#footprint.isOver) {
      throw new StmError(
        'transaction-finished',
        'This tx belongs to a transaction that is over. Read and write inside the body of transact().',
      )
    }
    if (this.#child !== undefined) {
      throw new StmError(
        'savepoint-open',
        'A savepoint of this transaction is running. Inside it use the tx that it was given, and await it before you go on.',
      )
    }
  }

  #read<V>(readable: Readable<V>): V {
    // The kind tells which of the readables it is.
    if (readable.kind === 'ref') return this.#value(readable as unknown as AnyRef) as V
    const group = readable as unknown as Group
    return sortingOf(group).idsIn(group, this.#setOf(familyIn(group))) as V
  }

  #value(ref: AnyRef): unknown {
    const write = this.#find(ref)
    return write === undefined ? this.#view.get(ref) : write.policy.readDraft(write.draft, ref)
  }

  /** The writes to a ref, of this savepoint or of what it is in. */
  #find(ref: AnyRef): DraftWrite | undefined {
    return this.#writes.find(ref) ?? (this.#parent === undefined ? undefined : this.#parent.#find(ref))
  }

  #write(ref: AnyRef, intent: Intent): void {
    this.#assertRunning()
    const known = this.#find(ref)
    if (known === undefined && this.#sets === undefined) {
      // The first write to a ref, which most are.
      const policy = this.#view.adopt(ref.policy)
      const base: unknown = policy.draft(this.#view.stateOf(ref), ref)
      const { length } = this.#writes.all
      const draft = this.#edit(policy, base, ref, intent)
      if (draft === base) return
      const after: DraftWrite = { ref, policy, draft }
      // What is written may have getters, and those may have read and written.
      if (this.#sets === undefined && this.#writes.all.length === length) this.#writes.add(after)
      else this.#keep([[this.#find(ref) ?? { ref, policy, draft: base }, after]])
      return
    }
    const before = known ?? this.#opened(ref)
    const draft = this.#draftAfter(before, ref, intent)
    if (draft === before.draft) return
    const after: DraftWrite = { ref, policy: before.policy, draft }
    if (this.#sets === undefined) this.#writes.put(after)
    else this.#keep([[this.#find(ref) ?? before, after]])
  }

  /** A ref's draft, and the draft with one more write. Nothing is kept. */
  #edited(ref: AnyRef, intent: Intent): Edit {
    const before = this.#find(ref) ?? this.#opened(ref)
    return [before, { ref, policy: before.policy, draft: this.#draftAfter(before, ref, intent) }]
  }

  #draftAfter({ policy, draft, commuted: ops }: DraftWrite, ref: AnyRef, intent: Intent): unknown {
    if (ops !== undefined) {
      throw new StmError(
        'commuted',
        `"${ref.address}" was commuted in this transaction, so what it holds is not known yet. Write it by commute only, or by other writes only.`,
      )
    }
    return this.#edit(policy, draft, ref, intent)
  }

  #edit(policy: Policy, draft: unknown, ref: AnyRef, intent: Intent): unknown {
    let after: unknown
    try {
      after = policy.edit(draft, intent, ref, this.#context)
    } catch (error) {
      // A refusal tells the body something about the ref: that a member is there, how long a list is.
      this.#footprint.read(ref)
      throw error
    }
    // Nothing was written because the value is what it is; where it has moved, something would be.
    if (after === draft) this.#footprint.ensure(ref)
    return after
  }

  #opened(ref: AnyRef): DraftWrite {
    const policy = this.#view.adopt(ref.policy)
    return { ref, policy, draft: policy.draft(this.#view.stateOf(ref), ref) }
  }

  /** Makes writes part of the transaction, and of the collections and lists that the body has read. */
  #keep(edits: readonly Edit[]): void {
    for (const [before, after] of edits) {
      if (after.draft !== before.draft || after.commuted !== before.commuted) this.#writes.put(after)
    }
    this.#sets?.keep(edits)
  }

  /** The sorted set of a collection or list, with the writes of this body. */
  #setOf(family: AnyCollection | AnyList): SortedSet {
    const parent = this.#parent
    this.#sets ??= sortingOf(family).ownSets({
      view: this.#view,
      writes: () => this.#writes.all,
      around: parent && { value: (ref) => parent.#value(ref), setOf: (readable) => parent.#setOf(readable) },
    })
    return this.#sets.of(family)
  }

  /** Runs a body in a savepoint. `otherwise` is what is done when it comes to `retry`. */
  #nest<T, R>(body: (tx: Tx<A>) => T, otherwise: (() => R) | undefined): T | R | Promise<Awaited<T | R>> {
    this.#assertRunning()
    const child = new Workspace<A>(this.#view, this.#context, this.#footprint, this)
    this.#child = child
    let value: T
    try {
      value = body(child)
    } catch (error) {
      return this.#undo(child, error, otherwise)
    }
    if (!isThenable(value)) return this.#join(child, value, otherwise)
    if (!this.#footprint.isAsync) return this.#undo(child, asyncBody(value), undefined)
    return Promise.resolve(value).then(
      (result) => this.#join(child, result, otherwise) as Awaited<T | R>,
      (error: unknown) => this.#undo(child, error, otherwise) as Awaited<R>,
    )
  }

  /** Makes the writes and effects of a savepoint this one's own. */
  #join<T, R>(child: Workspace<A>, value: T, otherwise: (() => R) | undefined): T | R {
    if (child.hasOpenSavepoint) return this.#undo(child, unawaited(), undefined)
    if (child.#isRetrying) return this.#undo(child, new RetrySignal(), otherwise)
    this.#leave(child)
    if (this.#footprint.isOver) return value
    this.#keep(
      Array.from(child.#writes.all, (after): Edit => [this.#find(after.ref) ?? this.#opened(after.ref), after]),
    )
    if (child.#effects !== undefined) (this.#effects ??= []).push(...child.#effects)
    return value
  }

  #undo<R>(child: Workspace<A>, error: unknown, otherwise: (() => R) | undefined): R {
    this.#leave(child)
    for (const { ref, commuted } of child.#writes.all) {
      // What was only commuted has told the body nothing, whether it stays or not.
      if (commuted === undefined) this.#footprint.try(ref)
    }
    if (!child.#isRetrying) throw error
    if (otherwise !== undefined && !this.#footprint.isOver) return otherwise()
    this.#isRetrying = true
    throw error instanceof RetrySignal ? error : new RetrySignal()
  }

  #leave(child: Workspace<A>): void {
    child.#isOver = true
    this.#child = undefined
  }
}

/**
 * Whether a value is a promise or like one.
 *
 * @example
 * import { isThenable } from '@syncline/stm'
 *
 * expect([isThenable(Promise.resolve()), isThenable({ then: 'later' })]).toEqual([true, false])
 */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false
  return typeof (value as { then?: unknown }).then === 'function'
}

/**
 * Whether an error is the one that `tx.retry()` throws.
 *
 * @example
 * import { createMemory, draft, isRetrySignal } from '@syncline/stm'
 *
 * let caught
 * const body = (tx) => {
 *   try {
 *     return tx.retry()
 *   } catch (error) {
 *     caught = error
 *   }
 * }
 * const context = { stamp: { at: 1, writer: 'w1' }, seed: 'seed1' }
 * // Whoever catches it: the transaction knows.
 * expect(() => draft(createMemory(), body, context)).toThrow('came to retry()')
 * expect([isRetrySignal(caught), isRetrySignal(new Error('another'))]).toEqual([true, false])
 */
export function isRetrySignal(error: unknown): boolean {
  return error instanceof RetrySignal
}

/** Said about a body that must be over when it returns, and is not. What it has begun is not waited for by anybody. */
export function asyncBody(promise: unknown): StmError {
  void Promise.resolve(promise).catch(() => undefined)
  return new StmError(
    'async-body',
    'The body returned a promise, so it is not over when it returns. ' +
      'Await what you need first and pass the results in, or use transactAsync().',
  )
}

/** Said about a body that ends while a savepoint of it is running. */
export function unawaited(): StmError {
  return new StmError(
    'savepoint-open',
    'The body is over and one of its savepoints is not. Await the promise that savepoint() or orElse() gives.',
  )
}

// What it is given is never looked at.
keepShape(new Workspace(undefined as never, undefined as never, undefined as never))
