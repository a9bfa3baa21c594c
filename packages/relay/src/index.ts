// The relay, and the ports it stands on
export { createRelay } from './relay.ts'
export type { Relay, RelayOptions } from './relay.ts'
export type { Adopted, AdoptOptions, TakenBack } from './adopting.ts'
export type { RefuseContext } from './room.ts'
export type { Admission, ClientDetails } from './standing.ts'
export type { Action, Authorize, Identity, Right } from './rights.ts'
export type { Chance, Clock, Connection, ConnectionEvents, Epochs, RelayLog } from './ports.ts'
export { defaultLimits } from './limits.ts'
export type { LimitName, RelayLimits } from './limits.ts'

// Who looks on
export type { AuditEvent, ErrorContext, RelayHooks, RelaySpan } from './watching.ts'

// Where the logs rest
export { createMemoryStorage } from './memory.ts'
export type { EndedWriter, LogStorage, SpaceAppend, SpaceState, WriterState } from './ports.ts'

// Checkpoints of them for newcomers, and what else is worth keeping
export type { Checkpoints, KeptRolls, StoredCheckpoint } from './ports.ts'

// Errors
export { RelayError } from './errors.ts'
export type { RelayErrorCode } from './errors.ts'
