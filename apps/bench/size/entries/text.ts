// The same with shared text and presence, Yjs included.
export * from './core.ts'
export { openText, text, yjsPresence } from '@syncline/yjs'
