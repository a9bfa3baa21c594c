import {
  type Attempt,
  type Check,
  type EditContext,
  type Isolation,
  type Readable,
  type Ready,
  type View,
} from '@syncline/stm'
import type { Terms } from './committing.ts'
import type { Ending } from './ending.ts'
import type { Receipt } from './receipt.ts'

/** Who decides about transactions on the refs of one arbiter that is not this tab's memory. */
export interface Arbitration {
  /** Called before the first run of a body: brings the memory up to what the body must have seen. */
  begin?(): Promise<void>
  /**
   * Decides about one that this tab's memory has found sound. Resolves when it is committed, also in memory, or when something that it
   * depends on has moved, and the memory knows it. Rejects when it is refused for another reason: then nothing has happened.
   */
  decide(proposal: Proposal): Promise<Decision>
  /** Resolves when what made it reject with `offline` or `unadopted` is over. Rejects when the store closes. */
  reachable?(): Promise<void>
}

/** A transaction that wants to commit, as its newest run left it. */
export interface Proposal {
  readonly attempt: Pick<Attempt<never>, 'reads' | 'ensured'>
  readonly ready: Ready
  readonly context: EditContext
  readonly terms: Terms
  readonly isolation: Isolation
  readonly ending: Ending
  /** Looks at the newest run again, on the memory as it is now or on a view of it. */
  check(on?: View): Check
  /**
   * Runs the body again, at once, on a view. Undefined when nothing comes of that which could commit there, because the body awaits, throws,
   * waits or has run often enough: then decide that it has moved.
   */
  again(on: View): Ready | undefined
}

export type Decision =
  | {
      readonly kind: 'committed'
      readonly receipt: Receipt<void>
      /** What it had read and was otherwise where it was committed, if that is another place than the one of the last check. */
      readonly skewed?: readonly Readable<unknown>[]
    }
  | { readonly kind: 'moved'; readonly moved: readonly Readable<unknown>[] }
