// What was decided, and what happened
export type { Trace } from './decider.ts'
export type { Chronicle, Happening } from './chronicle.ts'
export type { EventKind, PendingEvent } from './kernel.ts'

// Errors
export { SimulationError } from './errors.ts'
export type { SimulationErrorCode } from './errors.ts'
