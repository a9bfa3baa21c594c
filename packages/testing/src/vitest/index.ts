export { matchers } from './matchers.ts'
export type { SynclineMatchers } from './matchers.ts'
