import type { Op } from './change.ts'
import type { BoundPolicy, EditContext, Policy } from './policy.ts'
import { sealedOp } from './sealed-op.ts'
import { valueSizeBytes } from './value.ts'
import type { DraftWrite } from './write.ts'

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
    if (payload !== undefined) ops.push(sealedOp(policy.tag, ref, payload))
  }
  return ops
}

/** Whether a policy changes a live document when it seals. */
export function isLate(policy: Policy): policy is BoundPolicy {
  return 'late' in policy && policy.late === true
}
