// Texts
export { text, textPolicy } from './policy.ts'
export type { TextOptions, TextRef } from './policy.ts'

// Structured documents
export { doc, docPolicy } from './doc.ts'
export type { DocOptions, DocRef } from './doc.ts'
export type { DocRoots } from './doc-roots.ts'
export type { DocMark, DocNode, DocRun, DocValue } from './doc-value.ts'

// Live documents, for editors
export { openDoc } from './open-doc.ts'
export type { Doc } from './open-doc.ts'
export { openText } from './open.ts'
export type { TextDocument } from './open.ts'
export type { DocumentHandle } from './handle.ts'
export type { AwarenessListener, AwarenessState, DocumentAwareness } from './document-awareness.ts'

// Documents that come from elsewhere, and go there
export { exportStateVector, exportUpdate } from './export-update.ts'
export type { ExportUpdateOptions } from './export-update.ts'
export type { ForeignKind } from './foreign.ts'
export type { UpdateVersion } from './foreign-update.ts'
export type { DocElsewhere, Elsewhere, TextElsewhere } from './import-parts.ts'
export { importUpdate } from './import-update.ts'
export type { ForeignRoot, Imported, ImportUpdateOptions, SetAside } from './import-update.ts'

// New lives of documents that were edited for long
export { conflictCopies, dropConflictCopy, watchConflictCopies } from './conflict-copies.ts'
export type { ConflictCopy } from './conflict-copies.ts'
export { measureGeneration, startGeneration } from './generation.ts'
export type { GenerationGain, GenerationOptions } from './generation.ts'
export { retireGenerations } from './retire-generations.ts'

// Presence
export { yjsPresence } from './presence.ts'
export type { YjsPresence } from './presence.ts'

// Errors
export { YjsError } from './errors.ts'
export type { YjsErrorCode } from './errors.ts'
