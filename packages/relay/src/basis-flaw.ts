import { epochAt, type Covered, type Decided, type Stretch } from '@syncline/protocol'
import type { Basis, Epoch } from '@syncline/stm'

/** What there is of a space's log: its stretches, the oldest first, where it ends, and what was joined to it last. */
export interface Extent {
  readonly stretches: readonly Stretch[]
  readonly head: number
  readonly joined?: Joined | undefined
}

/** A join in a log: in place of all that is before it, but for what comes after `base` and the join has not seen. */
export interface Joined {
  /** Up to here the log is that of the one who joined. */
  readonly base: number
  /** The relaySeqs of its first and of its last piece. */
  readonly first: number
  readonly last: number
  /** The epochs of which it has everything, and up to where. */
  readonly covers: readonly Covered[]
  /** Given where it has what the relay had decided, which is to be adopted. */
  readonly decided?: Decided | undefined
}

/**
 * Why a basis is not right in a log, after "… up to relaySeq 9, in epoch x, "; undefined when it is. A log that came back from an old backup may have grown
 * beyond the relaySeq since, but never in that epoch. What was joined to it is right too.
 */
export function basisFlaw(
  { epoch, relaySeq }: Pick<Basis, 'epoch' | 'relaySeq'>,
  { stretches, head, joined }: Extent,
): string | undefined {
  // Who knows nothing of it knows nothing wrong.
  if (relaySeq === 0) return undefined
  if (joined?.covers.some(([covered, upTo]) => covered === epoch && relaySeq <= upTo) === true) return undefined
  if (relaySeq > head) return `and here the log ends at ${head}`
  const found = epochAt(stretches, relaySeq)
  return found === epoch ? undefined : `and here that stands in epoch ${found}`
}

/** The last relaySeq of an epoch in a log; 0 when it is not there. */
export function endOf(epoch: Epoch, { stretches, head }: Extent): number {
  const at = stretches.findIndex((stretch) => stretch.epoch === epoch)
  return at < 0 ? 0 : (stretches[at + 1]?.first ?? head + 1) - 1
}
