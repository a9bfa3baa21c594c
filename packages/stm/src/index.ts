// Refs: typed addresses plus policies
export { cellKey, checkMemberId, checkName, listKey, makeRef, membersKey } from './ref.ts'
export type { CellKey, Collection, List, ListItem, ListKeys, Readable, Ref, Writes } from './ref.ts'

// Policies: how refs merge
export type { BoundPolicy, EditContext, Intent, Origin, Place, Policy, PolicyHost, PolicyRef } from './policy.ts'

// Changes, and the points in history they stand at
export { changeId, compareStamps, emptyBasis } from './change.ts'
export type { Arbiter, Basis, Change, ChangeId, Effect, Epoch, Op, Stamp, WriterId } from './change.ts'

// Values and snapshots
export { equalValues, setKey, toValue, valueSizeBytes } from './value.ts'
export type { Value } from './value.ts'
export type { Snapshot } from './snapshot.ts'

// Transactions
export { draft, sealLate, sealPure, sealSizeBytes } from './transaction.ts'
export type { Draft, Tx } from './transaction.ts'
export type { DraftWrite } from './workspace.ts'

// The memory of one replica
export { createMemory } from './memory.ts'
export type { Memory, UnreadOp } from './memory.ts'

// Watching
export { createWatchers, watchKey } from './watch.ts'
export type { Watchers } from './watch.ts'

// Errors
export { StmError } from './errors.ts'
export type { StmErrorCode } from './errors.ts'
