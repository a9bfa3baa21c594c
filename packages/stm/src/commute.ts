import type { EditContext, Intent } from './policy.ts'
import type { AnyRef } from './ref.ts'
import type { CommuteOp } from './transaction.ts'
import type { View } from './memory.ts'
import { missing, type DraftWrite } from './write.ts'

/** A draft with one more commuting operation. Throws what the policy throws, and `missing-member`. */
export function commuted(write: DraftWrite, op: CommuteOp, context: EditContext): DraftWrite {
  const { policy, ref, draft } = write
  const value: unknown = policy.readDraft(draft, ref)
  const next = policy.edit(draft, intentOf(op, value, ref), ref, context)
  return { ...write, draft: next, commuted: [...(write.commuted ?? []), op] }
}

/** The commuting writes to one ref, made anew on another view; undefined when their member is not there any more. */
export function recommuted(write: DraftWrite, view: View, context: EditContext): DraftWrite | undefined {
  const { ref, policy } = write
  let anew: DraftWrite = { ref, policy, draft: policy.draft(view.state(ref.key), ref) }
  const isGone = policy.readDraft(anew.draft, ref) === undefined
  // A delete wins over what was written at the same time.
  if (isGone && policy.readDraft(write.draft, ref) !== undefined) return undefined
  for (const op of write.commuted ?? []) anew = commuted(anew, op, context)
  return anew
}

function intentOf(op: CommuteOp, value: unknown, ref: AnyRef): Intent {
  if (typeof op === 'function') {
    if (value === undefined) throw missing(ref)
    // The types of `commute` tie the function to the value of its ref.
    return { kind: 'set', value: op(value as never) }
  }
  if ('add' in op) {
    const { add, field } = op
    return field === undefined ? { kind: 'add', delta: add } : { kind: 'add', delta: add, field }
  }
  if ('include' in op) return { kind: 'include', values: op.include }
  if ('exclude' in op) return { kind: 'exclude', values: op.exclude }
  const { length } = (value ?? []) as { readonly length: number }
  return { kind: 'insert', index: Math.min(op.index ?? length, length), content: op.insert }
}
