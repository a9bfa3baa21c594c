// Looking after what this browser has stored
export { verifyDatabase } from './verify.ts'
export type { DatabaseReport, Range, SpaceReport } from './report.ts'
export { repairDatabase } from './repair.ts'
export type { RepairOptions, Repaired } from './repair.ts'

// Taking it along
export { exportDatabase } from './export.ts'
export type { ExportOptions } from './export.ts'
export { importDatabase } from './import.ts'
export type { Backup, Imported, ImportedSpace, ImportOptions } from './import.ts'
