// The store
export { openStore } from './open.ts'
export type { StoreOptions } from './options.ts'
export type { Problem, Status } from './status.ts'
export type { Persistence, StorageState } from './storage-state.ts'
export type { PartName, PlainStore } from './part.ts'
export type { Store } from './store.ts'

// Transactions
export type { LiveAgent, Sent } from './live-agent.ts'
export type { Receipt } from './receipt.ts'
export type { RefusedChange, RefusedChanges } from './refused.ts'
export type { TransactAsyncOptions, TransactOptions, UndoAsyncOptions, UndoMark } from './transact-options.ts'
export type { Undone, UndoStack } from './undo-stack.ts'

// Watching
export { everything } from './report.ts'
export type { ChangesOptions, Everything, Report, Selected, Selector } from './report.ts'

// Handles
export type { Deletable, Permission, ReadHandle, SetOf, WriteHandle, Written } from './handle.ts'

// Data on demand
export type { Loaded } from './on-demand.ts'

// Presence
export type { Presence, PresenceMaker, PresencePort, PresenceState } from './presence.ts'

// Validity
export type { InvariantOptions } from './validity.ts'
export type { Violation } from './violations.ts'

// Ports
export { memoryStorage } from './memory.ts'
export type {
  AppendOptions,
  Chance,
  Channel,
  Channels,
  Clock,
  Connection,
  HeldLock,
  Locks,
  Log,
  ReadRange,
  Storage,
  Transport,
  TransportEvents,
} from './ports.ts'

// Errors
export { StoreError } from './errors.ts'
export type { StoreErrorCode } from './errors.ts'
