// Looking after what a relay has stored
export { readChanges } from './changes.ts'
export type { ReadableChange, StoredChange, UnreadableChange } from './changes.ts'
export { verifyData } from './verify.ts'
export type { DataReport, Finding, SpaceReport } from './report.ts'

// Taking it along
export { backupData, restoreData } from './copy.ts'
export { exportData } from './export.ts'
export type { Exported } from './export.ts'
