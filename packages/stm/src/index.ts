// Refs: typed addresses plus policies
export {
  cellKey,
  checkMemberId,
  checkName,
  idRange,
  isMemberId,
  listKey,
  makeRef,
  memberRefs,
  membersKey,
  positionRange,
} from './ref.ts'
export { noOptions, refOptions } from './options.ts'
export { sorting } from './sorting.ts'
export type { Sorting } from './sorting.ts'
export type {
  AnyCollection,
  AnyList,
  AnyRef,
  CellKey,
  Collection,
  List,
  ListItem,
  ListKeys,
  PlainOptions,
  Range,
  RangeBounds,
  Readable,
  Ref,
  RefOptions,
  UpgradeStep,
  Writes,
} from './ref.ts'

// Policies: how refs merge
export { cellsOfRows, columnsIn, isColumn } from './distilled.ts'
export type { DistilledCell, DistilledRows, Distillation } from './distilled.ts'
export {
  nobodys,
  type Born,
  type BoundPolicy,
  type Distilled,
  type EditContext,
  type Intent,
  type Origin,
  type Place,
  type Policy,
  type PolicyHost,
  type PolicyRef,
} from './policy.ts'

// Taking operations back
export { noPast } from './reversal.ts'
export type { Folding, Past, Reversal, Reverted, Undone } from './reversal.ts'
export type { Renamed, Renaming, Units } from './renaming.ts'
export { invert, isHeavyToHold, isReversible, takeBack } from './undo.ts'
export { readyMade } from './ready-made.ts'
export type { Cells, Inverse, LeftPart, PastOf, TakenBack, UndoneChange } from './undo.ts'

// Changes, and the points in history they stand at
export { changeId, compareStamps, emptyBasis } from './change.ts'
export type { Arbiter, Basis, Change, ChangeId, Effect, Epoch, Op, Stamp, WriterId } from './change.ts'

// Schemas, and values judged by them
export type { Reading } from './reading.ts'
export { excessOf, hasRules, judgeWrites } from './rules.ts'
export type { Rules } from './rules.ts'
export { issuesOf, noIssues } from './schema.ts'
export type { Issue, SchemaIssue, SchemaResult, StandardSchema, ValueOf } from './schema.ts'

// Invariants
export { createInvariants } from './invariants.ts'
export type { AddedInvariant, InvariantCheck, InvariantNews, Invariants } from './invariants.ts'

// Values and snapshots
export { equalValues, isScalar, setKey, toValue, valueSizeBytes } from './value.ts'
export type { Value } from './value.ts'
export type { Snapshot } from './snapshot.ts'
export { noting } from './noting.ts'
export { diff } from './diff.ts'
export type { Diff, MemberDiff } from './diff.ts'

// Transactions
export { begin, draft, namesOf } from './attempt.ts'
export type { Attempt, Check, Draft, Isolation, Ready } from './attempt.ts'
export { areDistinct } from './drafts.ts'
export { isLate, sealLate, sealPure, sealSizeBytes } from './seal.ts'
export { cellKeyOf, memberOp } from './sealed-op.ts'
export type { AddOp, CommuteOp, ExcludeOp, IncludeOp, InsertOp, Tx } from './transaction.ts'
export { isRetrySignal, isThenable, type DeclaredEffect } from './workspace.ts'
export type { DraftWrite } from './write.ts'

// Agents: refs whose state changes by named actions
export { agent, sendName } from './agent.ts'
export type { ActionInput, Actions, Agent, AgentOptions } from './agent.ts'

// The memory of one replica
export type { Changed } from './changed.ts'
export { createRuledMemory } from './memory.ts'
export { createMemory } from './memory-of-refs.ts'
export { layered } from './layered.ts'
export type { Memory, UnreadOp, View } from './memory.ts'
export type { LaterBasis } from './versions.ts'

// What is in a memory, and what is away
export { bringBack, foldedOf, portionIn, portionOf, portionOfOp, sendAway } from './away.ts'
export type { States } from './away.ts'
export type { Portion } from './cells.ts'

// Watching
export { arbiterOf, policyOf } from './family.ts'
export { covers, createWatchers, watchKey } from './watch.ts'
export type { Follower, Hearer, Watchers } from './watch.ts'

// Errors
export { StmError } from './errors.ts'
export type { RefIssue, StmErrorCode } from './errors.ts'

// For whoever makes short-lived instances
export { keepShape } from './shapes.ts'
