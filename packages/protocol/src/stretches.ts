import type { Epoch } from '@syncline/stm'

/**
 * A stretch of a space's log: what one run of a relay has written, from the relaySeq `first` on, up to where the next one begins. Each run draws
 * its epoch at random, so an epoch and a relaySeq name one history: two logs in which the relaySeq stands in the same epoch are the same up to there.
 */
export interface Stretch {
  readonly epoch: Epoch
  readonly first: number
}

/**
 * The epoch in which a relaySeq stands in a log of these stretches, the oldest first; null before the first one. Cost: the stretches that begin after it.
 *
 * @example
 * import { epochAt } from '@syncline/protocol'
 *
 * const [before, after] = ['0'.repeat(32), 'f'.repeat(32)]
 * const stretches = [{ epoch: before, first: 1 }, { epoch: after, first: 51 }]
 * expect([0, 50, 51, 100].map((relaySeq) => epochAt(stretches, relaySeq))).toEqual([null, before, after, after])
 */
export function epochAt(stretches: readonly Stretch[], relaySeq: number): Epoch | null {
  for (let i = stretches.length - 1; i >= 0; i--) if (stretches[i]!.first <= relaySeq) return stretches[i]!.epoch
  return null
}
