import type { Ledger } from '@syncline/protocol'
import type { CellKey, ChangeId, DistilledCell } from '@syncline/stm'
import type { Sleepers } from './asleep.ts'
import type { Pending } from './pending.ts'
import type { Envelope } from './replica.ts'
import type { RefusedChange } from './refused.ts'

/** What a replica holds, taken at one moment: enough to go on from there without the log that led to it. */
export interface Held {
  /** What the relay has ordered, and what needs no order. Distilled when it is gone through, and as it was then. */
  readonly cells: Iterable<DistilledCell>
  readonly ledger: Ledger
  /** Pending Changes before the others, which are in the log only: where the ledger says that they are counted. */
  readonly asleep: Sleepers
  readonly pending: readonly Pending[]
  readonly refused: readonly RefusedChange[]
  readonly envelopes: readonly Envelope[]
}

/** What is taken up by a replica in place of all that it has, but for what it has committed since. */
export interface TakenUp extends Pick<Held, 'ledger' | 'pending' | 'refused' | 'envelopes'> {
  /** Undefined where they lie in the memory already, which had nothing before. */
  readonly cells: readonly DistilledCell[] | undefined
  /** Pending Changes that are counted in the cells, which lie there: those that are asleep, or all of them. */
  readonly asleep?: Sleepers | undefined
  readonly counted?: readonly Pending[]
}

/** What has come of taking it up. */
export interface Caught {
  readonly changed: ReadonlySet<CellKey>
  /** Changes that were pending, and that the relay has ordered. */
  readonly ordered: readonly ChangeId[]
}
