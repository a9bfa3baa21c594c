import type { Op } from './change.ts'
import { StmError } from './errors.ts'
import type { Memory } from './memory.ts'
import type { BoundPolicy, EditContext, Policy } from './policy.ts'
import type { Collection, List, Readable, Ref } from './ref.ts'
import { valueSizeBytes } from './value.ts'
import { Workspace, type DraftWrite } from './workspace.ts'

/** What a transaction body gets: reads from one consistent snapshot plus its own writes, and writes that are buffered. */
export interface Tx {
  /** The value now, own writes included. */
  get<V>(readable: Readable<V>): V
  /** The members of a collection, own writes included, as `[id, value]`, ascending by id. */
  items<V>(collection: Collection<V>): Iterable<readonly [string, V]>

  /** Replaces the value. Of a record only the fields that differ are written. Setting an equal value writes nothing. */
  set<V>(ref: Ref<unknown, { set: V }>, value: V): void
  /** `set(ref, change(get(ref)))`. */
  update<V>(ref: Ref<V | undefined, { set: V }>, change: (value: V) => V): void
  /** Writes the named fields of a record and leaves the others alone. */
  patch<F>(ref: Ref<unknown, { patch: F }>, fields: F): void
  /** Adds to a counter; concurrent additions sum up. `field` names the counter field of a record. */
  add(ref: Ref<unknown, { add: true }>, delta: number, field?: string): void

  /** Brings a member of a collection into being. Throws `member-exists` when it is there. */
  create<C>(member: Ref<unknown, { create: C }>, value: C): void
  /** Takes a member out of its collection. Wins over concurrent edits of it. Of an absent member: nothing. */
  delete(member: Ref<unknown, { delete: true }>): void
  /** Puts an existing member into `list` at `index` (counted without the member itself; default: at the end), out of the list it was in. */
  move(member: Ref<unknown, { patch: unknown }>, list: List, index?: number): void
  /** Moves several members, in the given order, so that they stay contiguous whatever others insert. */
  moveAll(members: readonly Ref<unknown, { patch: unknown }>[], list: List, index?: number): void

  /** Inserts text or items at an index. */
  insert<C>(ref: Ref<unknown, { insert: C }>, index: number, content: C): void
  /** Removes `length` characters or items from an index. */
  remove(ref: Ref<unknown, { remove: true }>, index: number, length: number): void
  /** Moves one item of a list ref. */
  reorder(ref: Ref<unknown, { move: true }>, from: number, to: number): void
}

/** What a body asked for: what it returned, and its writes, not yet visible to anybody. */
export interface Draft<T> {
  readonly value: T
  readonly writes: readonly DraftWrite[]
}

/**
 * Runs a sync body on the newest snapshot of a memory and gathers its writes. Nothing else happens: what the body threw is thrown on,
 * and its writes are forgotten. The memory must not move while the body runs.
 *
 * Throws `StmError` `async-body` when the body returns a promise. Its `tx` is of no use afterwards.
 *
 * @example
 * import { createMemory, draft, emptyBasis, sealPure } from '@syncline/stm'
 *
 * const title = register('title', '')
 * const memory = createMemory()
 * const context = { stamp: { at: 1, writer: 'w1' }, seed: 'seed1' }
 * const { value, writes } = draft(memory, (tx) => {
 *   tx.set(title, 'Hello')
 *   return tx.get(title)
 * }, context)
 * expect(value).toBe('Hello')
 * expect(memory.snapshot.get(title)).toBe('')
 * memory.apply(sealPure(writes, context), context.stamp, emptyBasis)
 * expect(memory.snapshot.get(title)).toBe('Hello')
 */
export function draft<T>(memory: Memory, body: (tx: Tx) => T, context: EditContext): Draft<T> {
  const workspace = new Workspace(memory, context)
  try {
    const value = body(workspace)
    if (isThenable(value)) {
      // It will fail as soon as it uses its tx, and nobody else is waiting for it.
      void Promise.resolve(value).catch(() => undefined)
      throw new StmError(
        'async-body',
        'The body of transact() returned a promise, so it is not over when it returns. ' +
          'Await what you need first and pass the results in; a transaction reads refs and writes refs, at once.',
      )
    }
    return { value, writes: workspace.writes() }
  } finally {
    workspace.finish()
  }
}

function isThenable(value: unknown): boolean {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false
  return typeof (value as { then?: unknown }).then === 'function'
}

/** How many bytes the writes of a draft will take at most, apart from a small constant for each. Cost: one walk over what was written. */
export function sealSizeBytes(writes: readonly DraftWrite[], ops: readonly Op[]): number {
  let bytes = 0
  for (const { policy, draft, ref } of writes) {
    if (isLate(policy)) bytes += policy.sizeBytes(draft) + ref.address.length * 3
  }
  for (const op of ops) bytes += valueSizeBytes(op.payload) + op.address.length * 3
  return bytes
}

/** The operations of all writes whose policies are pure. Never throws. Refs whose value did not change give none. */
export function sealPure(writes: readonly DraftWrite[], context: EditContext): Op[] {
  return seal(writes, context, false)
}

/** The operations of the writes to live documents, which are changed by this. Called last, when nothing can fail any more. */
export function sealLate(writes: readonly DraftWrite[], context: EditContext): Op[] {
  return seal(writes, context, true)
}

function seal(writes: readonly DraftWrite[], context: EditContext, late: boolean): Op[] {
  const ops: Op[] = []
  for (const { ref, policy, draft } of writes) {
    if (isLate(policy) !== late) continue
    const payload = policy.finish(draft, ref, context)
    if (payload !== undefined) ops.push({ tag: policy.tag, address: ref.address, arbiter: ref.arbiter, payload })
  }
  return ops
}

function isLate(policy: Policy): policy is BoundPolicy {
  return 'late' in policy && policy.late === true
}
