// The storage
export { indexedDb } from './storage.ts'

// Starting over
export { deleteDatabase } from './delete.ts'
