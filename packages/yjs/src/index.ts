// Texts
export { text, textPolicy } from './policy.ts'
export type { TextOptions, TextRef } from './policy.ts'

// Live documents, for editors
export { openText } from './open.ts'
export type { TextDocument } from './open.ts'
export type { AwarenessListener, AwarenessState, TextAwareness } from './text-awareness.ts'

// Presence
export { yjsPresence } from './presence.ts'
export type { YjsPresence } from './presence.ts'

// Errors
export { YjsError } from './errors.ts'
export type { YjsErrorCode } from './errors.ts'
