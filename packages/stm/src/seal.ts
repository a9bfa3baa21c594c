import type { Op } from './change.ts'
import { noteOps } from './drafts.ts'
import type { BoundPolicy, EditContext, Policy } from './policy.ts'
import { sealedOp } from './sealed-op.ts'
import { valueSizeBytes } from './value.ts'
import type { DraftWrite } from './write.ts'

/**
 * How many bytes the writes of a draft will take at most, apart from a small constant for each: the writes to live documents, which have no
 * operations yet, and the operations of the others. Cost: one walk over what was written.
 *
 * @example
 * import { createMemory, draft, sealPure, sealSizeBytes } from '@syncline/stm'
 *
 * const context = { stamp: { at: 1, writer: 'w1' }, seed: 'seed1' }
 * const { writes } = draft(createMemory(), (tx) => tx.set(register('note', ''), 'x'.repeat(1000)), context)
 * expect(sealSizeBytes(writes, sealPure(writes, context))).toBeGreaterThanOrEqual(1000)
 */
export function sealSizeBytes(writes: readonly DraftWrite[], ops: readonly Op[]): number {
  return lateSizeBytes(writes) + opsSizeBytes(ops)
}

// Nothing comes after a loop that may be long: see `Versions`.

function lateSizeBytes(writes: readonly DraftWrite[]): number {
  let bytes = 0
  for (const { policy, draft, ref } of writes) {
    if (isLate(policy)) bytes += policy.sizeBytes(draft) + ref.address.length * 3
  }
  return bytes
}

function opsSizeBytes(ops: readonly Op[]): number {
  let bytes = 0
  for (const op of ops) bytes += valueSizeBytes(op.payload) + op.address.length * 3
  return bytes
}

/** The operations of all writes whose policies are pure. Never throws. Refs whose value did not change give none. */
export function sealPure(writes: readonly DraftWrite[], context: EditContext): readonly Op[] {
  return seal(writes, context, false)
}

/**
 * The operations of the writes to live documents, which are changed by this. Called last, when nothing can fail any more.
 *
 * @example
 * import { createMemory, draft, sealLate } from '@syncline/stm'
 *
 * const context = { stamp: { at: 1, writer: 'w1' }, seed: 'seed1' }
 * const { writes } = draft(createMemory(), (tx) => tx.set(register('note', ''), 'x'), context)
 * expect(sealLate(writes, context)).toEqual([]) // a register is no live document
 */
export function sealLate(writes: readonly DraftWrite[], context: EditContext): readonly Op[] {
  return seal(writes, context, true)
}

/** The operations of all writes, made without touching a live document: for what is never committed. Never throws. */
export function sealAside(writes: readonly DraftWrite[], context: EditContext): Op[] {
  const ops: Op[] = []
  for (const { ref, policy, draft } of writes) {
    const payload = isLate(policy) ? policy.finishAside(draft, ref, context) : policy.finish(draft, ref, context)
    if (payload !== undefined) ops.push(sealedOp(policy.tag, ref, payload))
  }
  return ops
}

function seal(writes: readonly DraftWrite[], context: EditContext, late: boolean): readonly Op[] {
  let ops: Op[] | undefined
  for (const { ref, policy, draft } of writes) {
    if (isLate(policy) !== late) continue
    const payload = policy.finish(draft, ref, context)
    if (payload === undefined) continue
    const op = sealedOp(policy.tag, ref, payload)
    // An array that is pushed to gets room for sixteen more, and most transactions write one ref.
    if (ops === undefined) ops = [op]
    else ops.push(op)
  }
  if (ops === undefined) return none
  if (ops.length > 1) noteOps(ops, writes)
  return ops
}

const none: readonly Op[] = []

/**
 * Whether a policy changes a live document when it seals.
 *
 * @example
 * expect(isLate(register('note', '').policy)).toBe(false)
 */
export function isLate(policy: Policy): policy is BoundPolicy {
  return (policy as Partial<BoundPolicy>).late === true
}
