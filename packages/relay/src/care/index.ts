// Looking after what a relay has stored
export { readChanges } from './changes.ts'
export type { ReadableChange, StoredChange, UnreadableChange } from './changes.ts'
export { verifyData } from './verify.ts'
export type { DataReport, Finding, SpaceReport, Unadopted } from './report.ts'

// Saying what counts of what was brought back
export { adoptData, hearAdoptions } from './adopt.ts'

// Taking it along
export { backupData, restoreData } from './copy.ts'
export { exportData } from './export.ts'
export type { Exported } from './export.ts'
