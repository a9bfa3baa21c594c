// The least that shares text: a lean store with what `registers` has, and texts, Yjs included.
export * from './registers.ts'
export { openText, text } from '@syncline/yjs'
