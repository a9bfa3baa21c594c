import type { Arbiter, CellKey, ChangeId } from '@syncline/stm'
import type { Agents } from './agents.ts'
import type { Arbitration } from './arbitration.ts'
import type { Away } from './away.ts'
import type { Committing } from './committing.ts'
import type { Compacting } from './compaction.ts'
import type { Envelopes } from './envelopes.ts'
import type { Intake } from './intake.ts'
import type { StoreError } from './errors.ts'
import type { Journal } from './journal.ts'
import type { StoreOptions } from './options.ts'
import type { PartName } from './part.ts'
import type { Chance, Clock, Locks, Log } from './ports.ts'
import type { Replica } from './replica.ts'
import type { Settling } from './settling.ts'
import type { Problem } from './status.ts'
import type { StoreLink } from './store-link.ts'
import type { TabMessage } from './tabs.ts'
import type { Undoing } from './undoing.ts'
import type { Validity } from './validity.ts'
import type { Waiting } from './waiting.ts'
import type { Waking } from './waking.ts'
import type { Watching } from './watching.ts'
import type { Writers } from './writers.ts'

/** What the parts of one open store share. */
export interface Core extends Brought {
  readonly space: string
  readonly options: StoreOptions
  readonly clock: Clock
  readonly chance: Chance
  readonly locks: Locks | undefined
  readonly log: Log
  readonly replica: Replica
  readonly writers: Writers
  readonly journal: Journal
  readonly waiting: Waiting
  readonly waking: Waking
  /** Whether what is asleep stays in the log when the space is opened. */
  readonly leavesAsleep: boolean
  readonly envelopes: Envelopes
  readonly watching: Watching
  readonly committing: Committing
  readonly intake: Intake
  readonly settling: Settling
  /** Changes of this tab that were authored again, by the id they had before. */
  readonly renamed: Map<ChangeId, ChangeId>
  readonly isClosed: boolean
  /** Why this tab takes no part in the link any more, until it is opened again: it has seen of the relay what this device has otherwise. */
  readonly stranded: Problem | undefined
  /** Why the log is gone for good, for this tab and not for all: newer code has it, or what is opened now is another one. */
  readonly gone: StoreError | undefined
  /** Called when that becomes so. */
  readonly losing: Set<(reason: StoreError) => void>
  strand(problem: Problem): void
  /** Called when the local data is there and the other tabs can be told something. */
  readonly starting: Set<() => void>
  /** Called before the store closes, the last that was added first: for last words. */
  readonly parting: Set<() => void>
  /** Called when the store closes. */
  readonly closing: Set<() => void>
  /** Called when all is written that could be: for locks, which tell others that we live. */
  readonly leaving: Set<() => void>
  /** Whether to tell what a developer should know. */
  readonly development: boolean
  /** Whether what is written is still there tomorrow. */
  readonly isLasting: boolean
  /** Where it is not: the `browser` refs that were written. No relay is sent them, so nobody else has what they hold. */
  readonly onlyHere: Set<CellKey>
  /** The names of the parts that it was opened with. */
  readonly parts: ReadonlySet<PartName>
  /** What a part has, which is brought for that if it was not before. */
  use<T>(bring: (core: Core) => T): T
  /** Tells the other tabs of this browser. */
  tell(message: TabMessage): void
  /** Listens to the other tabs. */
  on<T extends TabMessage['type']>(type: T, listener: (message: Extract<TabMessage, { type: T }>) => void): void
  /** A number for what this tab writes of the relay's order: it is refused when another tab has taken a later one. */
  takeFence(): Promise<number>
  /** Reads what the other tabs have written. */
  readNews(): void
  /** Resolves when this device has a Change, or all there are. Rejects when it cannot, or has no storage to have it in. */
  durable(id?: ChangeId): Promise<void>
  /** Milliseconds since 1970, as the relay believes. */
  nowMs(): number
  /** Something that the status shows has moved. */
  touchStatus(): void
  onError(error: unknown): void
  /** Something that is stored was found to be damaged, and set aside. */
  onDamage(error: StoreError): void
}

/** What parts bring. Where one is absent stands what does nothing in its place, or says what is missing: see `absent.ts`. */
export interface Brought {
  agents: Pick<Agents, 'check' | 'deliver'>
  validity: Omit<Validity, 'onViolation' | 'invariant'>
  undoing: Omit<Undoing, 'stack'>
  compacting: Compacting
  away: Away
  link: StoreLink
  /** Who decides about refs that are not this tab's own. */
  readonly arbitrations: Partial<Record<Arbiter, Arbitration>>
  /** Lets go of a writer of this tab that others have to settle. */
  letGo(): void
}
