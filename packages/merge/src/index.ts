// Policies
export { counter } from './counter.ts'
export type { CounterWrites } from './counter.ts'
export { group } from './group.ts'
export type { GroupFields, GroupWrites } from './group.ts'
export { list } from './list.ts'
export type { ListWrites } from './list.ts'
export { lww } from './lww.ts'
export type { LwwWrites } from './lww.ts'
export { collection, record } from './record.ts'
export type { DeleteOptions, MemberWrites, RecordCollection, RecordList, RecordWrites } from './record.ts'
export { set } from './set.ts'
export type { SetWrites } from './set.ts'

// Fields of records and collections
export { count, field, optional, place } from './fields.ts'
export { json } from './json.ts'
export { reference } from './reference.ts'
export type { MemberId, OnMissing, ReferenceField, Target } from './reference.ts'
export type { Field, FieldKind, Fields, Parts, PlaceNames, RecordPatch, RecordValue } from './fields.ts'

// What fields refer to
export { follow } from './follow.ts'
export type { Followed, Reader, ReferenceNames } from './follow.ts'

// The hybrid logical clock
export { tick, witness } from './clock.ts'

// Changes that are authored again
export { restamped } from './restamp.ts'
