// Refs: typed addresses plus policies
export { cellKey, checkMemberId, checkName, makeRef } from './ref.ts'
export type { CellKey, Collection, List, Readable, Ref, Writes } from './ref.ts'

// Policies: how refs merge
export type { BoundPolicy, EditContext, Intent, Origin, Place, Policy, PolicyHost, PolicyRef } from './policy.ts'

// Changes, and the points in history they stand at
export { changeId, compareStamps, emptyBasis } from './change.ts'
export type { Arbiter, Basis, Change, ChangeId, Effect, Epoch, Op, Stamp, WriterId } from './change.ts'

// Values and snapshots
export { equalValues, setKey, toValue } from './value.ts'
export type { Value } from './value.ts'
export type { Snapshot } from './snapshot.ts'

// Transactions
export type { Tx } from './transaction.ts'

// Errors
export { StmError } from './errors.ts'
export type { StmErrorCode } from './errors.ts'
