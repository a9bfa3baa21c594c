export { doings, faults, schedules, seeds } from './arbitraries.ts'
export type { ScheduleBounds } from './arbitraries.ts'
