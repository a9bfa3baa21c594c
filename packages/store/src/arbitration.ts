import type { Attempt, Check, EditContext, Readable, Ready } from '@syncline/stm'
import type { Terms } from './committing.ts'
import type { Ending } from './ending.ts'
import type { Receipt } from './store.ts'

/** Who decides about transactions on the refs of one arbiter that is not this tab's memory. */
export interface Arbitration {
  /**
   * Decides about one that this tab's memory has found sound. Resolves when it is committed, also in memory, or when something that it
   * depends on has moved, and the memory knows it. Rejects when it is refused for another reason: then nothing has happened.
   */
  decide(proposal: Proposal): Promise<Decision>
}

/** A transaction that wants to commit. */
export interface Proposal {
  readonly attempt: Attempt<never>
  readonly ready: Ready
  readonly context: EditContext
  readonly terms: Terms
  readonly ending: Ending
  /** Looks at the attempt again, on the memory as it is now. */
  check(): Check
}

export type Decision =
  | { readonly kind: 'committed'; readonly receipt: Receipt<void> }
  | { readonly kind: 'moved'; readonly moved: readonly Readable<unknown>[] }
