import { StmError } from './errors.ts'
import type { Policy } from './policy.ts'
import type { AnyRef } from './ref.ts'
import type { CommuteOp } from './transaction.ts'

/** The writes of one transaction to one ref, as its policy's draft. */
export interface DraftWrite {
  readonly ref: AnyRef
  readonly policy: Policy
  readonly draft: unknown
  /** Set when all of them commute: they can be made anew on another state. */
  readonly commuted?: readonly CommuteOp[]
}

/** Said about a write that needs a member which is not there. */
export function missing(ref: { readonly address: string }): StmError {
  return new StmError(
    'missing-member',
    `"${ref.address}" does not exist, or was deleted. Create it first, or check tx.get(ref) for undefined.`,
  )
}
