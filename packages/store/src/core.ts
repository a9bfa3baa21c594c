import type { ChangeId } from '@syncline/stm'
import type { Agents } from './agents.ts'
import type { Envelopes } from './envelopes.ts'
import type { Journal } from './journal.ts'
import type { Chance, Clock } from './ports.ts'
import type { Replica } from './replica.ts'
import type { Validity } from './validity.ts'
import type { Undoing } from './undoing.ts'
import type { Waiting } from './waiting.ts'
import type { Watching } from './watching.ts'
import type { Writers } from './writers.ts'

/** What the parts of one open store share. */
export interface Core {
  readonly space: string
  readonly clock: Clock
  readonly chance: Chance
  readonly replica: Replica
  readonly writers: Writers
  readonly journal: Journal
  readonly waiting: Waiting
  readonly envelopes: Envelopes
  readonly watching: Watching
  readonly agents: Agents
  readonly validity: Validity
  readonly undoing: Undoing
  /** Changes of this tab that were authored again, by the id they had before. */
  readonly renamed: Map<ChangeId, ChangeId>
  /**
   * Changes that were authored again from ones which this device has stored. Another tab may do the same until the settlement is in the
   * log, so they are sent only then.
   */
  readonly resettled: Set<ChangeId>
  /** Lets go of a writer of this tab that others have to settle. */
  letGo(): void
  readonly isClosed: boolean
  /** Called when the store closes. */
  readonly closing: Set<() => void>
  /** Whether to tell what a developer should know. */
  readonly development: boolean
  /** Resolves when this device has a Change. Rejects when it cannot, or has no storage to have it in. */
  durable(id: ChangeId): Promise<void>
  /** Milliseconds since 1970, as the relay believes. */
  nowMs(): number
  /** Something that the status shows has moved. */
  touchStatus(): void
  onError(error: unknown): void
}
