// Running whole systems
export { simulate } from './simulate.ts'
export type { SimulateOptions, Simulation } from './simulate.ts'
export type { Report } from './report.ts'
export type { CheckName } from './failure.ts'
export type { Action, ActionChance, AnyAction, SimulatedApp } from './app.ts'
export { everyFault } from './faults.ts'
export type { FaultName, Faults } from './faults.ts'
export type { Crashes, CrashesOptions } from './crashes.ts'

// What was decided, and what happened
export type { Trace } from './decider.ts'
export type { Chronicle, Happening } from './chronicle.ts'
export type { EventKind, PendingEvent } from './kernel.ts'

// Exploring everything
export { exhaust } from './exhaust.ts'
export type { Doing, ExhaustOptions, Exhausted, Explored } from './exhaust.ts'
export { calm } from './calm.ts'
export type { Calm, CalmOptions, Verdict } from './calm.ts'
export { documentImages } from './image.ts'
export type { Image, Images, Yjs } from './image.ts'

// One order, and many seeds
export { playSchedule } from './schedule.ts'
export type { PlayOptions, Schedule, ScheduleStep } from './schedule.ts'
export type { Cohort, CohortOptions, SeedFailure, SimulatedCohort } from './cohort.ts'

// Counter-examples, smaller and drawn
export type { Counterexample } from './counterexample.ts'
export { drawMermaid, drawText } from './diagram.ts'
export type { Drawing, Mark } from './diagram.ts'
export { shrinkList } from './shrink.ts'
export type { Shrunk } from './shrink.ts'

// Errors
export { SimulationError } from './errors.ts'
export type { SimulationErrorCode } from './errors.ts'
