import { epochAt, type Stretch } from '@syncline/protocol'
import type { Basis } from '@syncline/stm'

/** What there is of a space's log: its stretches, the oldest first, and where it ends. */
export interface Extent {
  readonly stretches: readonly Stretch[]
  readonly head: number
}

/**
 * Why a basis is not right in a log, after "… up to relaySeq 9, in epoch x, "; undefined when it is. A log that came back from an old backup may have grown
 * beyond the relaySeq since, but never in that epoch.
 */
export function basisFlaw(
  { epoch, relaySeq }: Pick<Basis, 'epoch' | 'relaySeq'>,
  { stretches, head }: Extent,
): string | undefined {
  // Who knows nothing of it knows nothing wrong.
  if (relaySeq === 0) return undefined
  if (relaySeq > head) return `and here the log ends at ${head}`
  const found = epochAt(stretches, relaySeq)
  return found === epoch ? undefined : `and here that stands in epoch ${found}`
}
