import { StmError, type AnyRef, type Arbiter, type Readable, type Ref, type Tx, type Writes } from '@syncline/stm'
import type { Committing } from './committing.ts'
import type { Core } from './core.ts'
import { closedError, StoreError } from './errors.ts'
import type { HeldLock } from './ports.ts'
import type { Receipt } from './receipt.ts'
import type { Transacting } from './transacting.ts'

/** What a handle may do with its ref: `write` may read too. */
export type Permission = 'read' | 'write'

/** A ref that is open for reading: while it is, nobody in this browser can delete it, and a transient value stays. */
export interface ReadHandle<V = unknown> {
  readonly ref: Readable<V>
  readonly permission: Permission
  /** Whether it can still be used. */
  readonly isOpen: boolean
  /** The value now. Throws `StoreError`: `handle-closed`, `deleted`, `closed`. */
  get(): V
  /** Lets go of it. Resolves when others can notice; the value of a transient ref that nobody else has open is then the initial one. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** What a write of a handle gives: on a `local` ref it has happened when it returns, others are decided about elsewhere. */
export type Written<A extends Arbiter, T> = A extends 'local' ? Receipt<T> : Promise<Receipt<T>>

/** What `set` takes; nothing where a ref cannot be set. */
export type SetOf<W extends Writes> = W extends { readonly set: infer V } ? V : never

/** A ref that is open for reading and writing. A handle with the permission `read` has these too, and they throw `read-only`. */
export interface WriteHandle<V, W extends Writes, A extends Arbiter> extends ReadHandle<V> {
  readonly ref: Ref<V, W, A>
  /** Replaces the value, in a transaction of its own. */
  set(value: SetOf<W>): Written<A, void>
  /** `set(change(get()))`, in a transaction of its own. */
  update(change: (value: SetOf<W>) => SetOf<W>): Written<A, void>
  /** Runs a transaction that may write it: `store.transact`, or `store.transactAsync` with its arbiter. */
  transact<T>(body: (tx: Tx<'local' | A>) => T): Written<A, Awaited<T>>
  /** Makes a transient ref outlive its handles, for good. Of a persistent one: nothing. */
  readonly persist: A extends 'browser' ? () => Promise<void> : never
  /**
   * Deletes it, and the handle is of no use any more: a member leaves its collection; a `browser` ref reads as if nobody had written, and who
   * opens it next begins anew. Rejects with `StoreError` `in-use` while another handle on it is open in this browser, this tab included.
   */
  readonly delete: Deletable<W, A> extends true ? () => Promise<Receipt<void>> : never
}

/** What can be deleted through a handle: members of collections, and whatever only this browser has. */
export type Deletable<W extends Writes, A extends Arbiter> = A extends 'browser'
  ? true
  : A extends 'local'
    ? W extends { readonly delete: true }
      ? true
      : false
    : false

/** What a handle asks of the doors that it came through. */
export interface Doors {
  /** Lets go of a handle. */
  leave(handle: OwnedHandle): Promise<void>
  persist(ref: AnyRef): Promise<void>
  delete(ref: AnyRef, own: OwnedHandle): Promise<Receipt<void>>
}

/** An open handle as its store sees it. */
export interface OwnedHandle {
  readonly ref: AnyRef
  lock: HeldLock | undefined
  state: 'open' | 'closed' | 'deleted'
}

type AnyHandle = ReadHandle & { readonly [name: string | symbol]: unknown }

/** Makes the handle that an app holds. */
export function createHandle(
  owned: OwnedHandle,
  permission: Permission,
  core: Core,
  committing: Committing,
  transacting: Transacting,
  doors: Doors,
): AnyHandle {
  const { ref } = owned
  let closing: Promise<void> | undefined

  function assertOpen(): void {
    if (core.isClosed) throw closedError()
    if (owned.state === 'deleted') {
      throw new StoreError('deleted', `"${ref.address}" was deleted through this handle. Open it again to begin anew.`)
    }
    if (owned.state === 'closed') {
      throw new StoreError(
        'handle-closed',
        `This handle on "${ref.address}" is closed. Open another with store.open().`,
      )
    }
  }

  function assertWritable(): void {
    assertOpen()
    if (permission === 'write') return
    throw new StoreError(
      'read-only',
      `This handle on "${ref.address}" may only read. Open one for writing with store.open(ref, 'write').`,
    )
  }

  function transact<T>(body: (tx: Tx) => T): Receipt<T> | Promise<Receipt<Awaited<T>>> {
    assertWritable()
    if (ref.arbiter === 'local') return committing.transact(body)
    // The arbiter is that of the ref, whichever it is: `WriteHandle` has the types.
    const options = { arbiter: ref.arbiter as 'local' }
    return transacting.transactAsync<Awaited<T>>(body as (tx: Tx) => Awaited<T>, options)
  }

  // What the ref takes is checked by its policy, and by the types of `WriteHandle`.
  const written = ref as Ref<unknown, { set: unknown }>

  const close = (): Promise<void> => (closing ??= doors.leave(owned))

  return {
    ref,
    permission,
    get isOpen() {
      return owned.state === 'open' && !core.isClosed
    },
    get() {
      assertOpen()
      return core.replica.memory.snapshot.get(ref)
    },
    set: (value: unknown) => transact((tx) => tx.set(written, value)),
    update: (change: (value: unknown) => unknown) => transact((tx) => tx.update(written, change)),
    transact,
    async persist() {
      assertWritable()
      await doors.persist(ref)
    },
    async delete() {
      assertWritable()
      assertDeletable(ref)
      return doors.delete(ref, owned)
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** Throws `StoreError` `deleted` or `handle-closed`. */
export function assertUsable({ ref, state }: OwnedHandle): void {
  if (state === 'deleted') {
    throw new StoreError('deleted', `"${ref.address}" was deleted through this handle. Open it again to begin anew.`)
  }
  if (state === 'closed') {
    throw new StoreError('handle-closed', `This handle on "${ref.address}" is closed. Open another with store.open().`)
  }
}

/** Throws `StmError` `invalid-write` for what always exists. */
export function assertDeletable(ref: AnyRef): void {
  if (ref.arbiter === 'browser' || (ref.arbiter === 'local' && isMember(ref))) return
  throw new StmError(
    'invalid-write',
    ref.arbiter === 'relay'
      ? `"${ref.address}" is a relay ref, and who else has it open cannot be known here. Delete a member by tx.delete() in a transaction of the relay.`
      : `"${ref.address}" is no member of a collection, so it always exists. Set it, or make it a member of a collection.`,
  )
}

/** Whether a ref can be there or not. */
export function isMember(ref: AnyRef): boolean {
  return ref.policy.exists !== undefined && ref.policy.read(undefined, ref) === undefined
}
