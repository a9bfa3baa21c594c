import type { Loaded } from '@syncline/store'
import type { Readable } from '@syncline/stm'
import type { Decider } from './decider.ts'

/** What a tab has on demand, and what it holds of that. */
export interface Demand {
  readonly readables: readonly Readable<unknown>[]
  /** What it holds, each as often as it has loaded it. */
  readonly held: Held[]
  /** Loads that are under way. */
  coming: number
  /** What it could not have when nothing was wrong any more, as it knows another log of the relay than there is. */
  readonly inVain: Set<Readable<unknown>>
}

/** One of its holds. */
export interface Held {
  readonly readable: Readable<unknown>
  readonly loaded: Loaded
}

/** How much of what an app has on demand a tab has so; all else is in its memory, as it may be in a tab with other code. */
const SHARE = 0.7

/** Draws what a tab has on demand. In the calmest schedule that is nothing. */
export function drawDemand(all: readonly Readable<unknown>[], decider: Decider, party: string): Demand {
  const readables = all.filter(() => decider.happens(`demand of ${party}`, SHARE))
  return { readables, held: [], coming: 0, inVain: new Set() }
}
