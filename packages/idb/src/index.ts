// The storage
export { indexedDb } from './storage.ts'
export type { DatabaseEvents, Databases } from './databases.ts'
export type { Surroundings } from './surroundings.ts'

// Starting over
export { deleteDatabase } from './delete.ts'
