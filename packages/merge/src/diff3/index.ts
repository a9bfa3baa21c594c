export { diff3 } from './diff3.ts'
export type { Diff3Ref, Diff3Spec, Diff3Writes, Settlement } from './diff3.ts'
export type { Diff3Value } from './policy.ts'
