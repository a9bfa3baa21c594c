// y-indexeddb
export { importYIndexeddb } from './import-y-indexeddb.ts'
export type { ImportedDatabase, ImportProgress, ImportYIndexeddbOptions } from './import-y-indexeddb.ts'
