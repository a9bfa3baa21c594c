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

// Presence
export { yjsPresence } from './presence.ts'
export type { YjsPresence } from './presence.ts'

// Errors
export { YjsError } from './errors.ts'
export type { YjsErrorCode } from './errors.ts'
