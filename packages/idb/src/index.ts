// The storage
export { indexedDb } from './storage.ts'
export type { DatabaseEvents, Databases } from './databases.ts'
export type { Surroundings } from './surroundings.ts'

// Not to lose it
export { guardUnload } from './guard.ts'
export { requestPersistence } from './persistence.ts'

// Starting over
export { deleteDatabase } from './delete.ts'
