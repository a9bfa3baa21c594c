import {
  equalValues,
  isScalar,
  StmError,
  toValue,
  type Intent,
  type Place,
  type PolicyRef,
  type Value,
} from '@syncline/stm'
import { differenceOf, readCounter, totalOf } from './counter-state.ts'
import { UNTOUCHED, type FieldSpec, type RecordSpec } from './fields.ts'
import { checkUnversioned, KEPT, readOnly } from './lens.ts'
import { loweredWrites, newestVersion, partsFor, pathAt, storedRegister } from './record-lens.ts'
import { yieldingDelete } from './record-seen.ts'
import { ADD, CLEAR, CREATE, DELETE, PUT, SET, WRITE } from './record-op.ts'
import { buildView, counterOf, isPlace, readField, type RecordState } from './record-state.ts'
import { addSums, addToSum, encodeSum, noSum, valueOfSum, type Sum } from './sum.ts'
import { checkDelta, checkType, describe, noSuchWrite } from './writes.ts'

/** The state of a record and what one transaction wrote to it so far. */
export class RecordDraft {
  readonly base: RecordState | undefined
  /** Created in this transaction. */
  readonly born: boolean
  /** Deleted in this transaction, and not created again. */
  readonly gone: boolean
  /** The incarnation that the writes are for. */
  readonly incarnation: number
  /** By declared field: the new value, undefined when cleared, a {@link Sum} to add; {@link UNTOUCHED}. */
  readonly writes: readonly unknown[]
  private view: unknown

  constructor(
    base: RecordState | undefined,
    born: boolean,
    gone: boolean,
    incarnation: number,
    writes: readonly unknown[],
  ) {
    this.base = base
    this.born = born
    this.gone = gone
    this.incarnation = incarnation
    this.writes = writes
    this.view = undefined
  }

  /** The state under the writes: nothing, when they are for a new incarnation. */
  get under(): RecordState | undefined {
    return this.base?.incarnation === this.incarnation && this.base.deleted === undefined ? this.base : undefined
  }

  exists(spec: RecordSpec): boolean {
    return !spec.member || this.born || (this.base?.exists === true && !this.gone)
  }

  read(spec: RecordSpec): unknown {
    if (!this.exists(spec)) return undefined
    this.view ??= buildView(spec, (field) => this.readField(field, spec))
    return this.view
  }

  readField(field: FieldSpec, spec: RecordSpec): Value | Place | undefined {
    const written = this.writes[field.index]
    if (written === UNTOUCHED) return readField(this.under, field, spec)
    if (field.kind !== 'count') return written === undefined ? field.initial : (written as Value | Place)
    return readCounter(counterOf(this.under, field), written as Sum)
  }
}

/** The draft of a transaction that has written nothing yet. */
export function openDraft(base: RecordState | undefined, spec: RecordSpec): RecordDraft {
  let incarnation = base?.incarnation ?? 0
  // One record is never deleted by anybody who keeps to the rules; should it be, it goes on in its next incarnation.
  if (!spec.member && base?.deleted !== undefined) incarnation += 1
  return new RecordDraft(base, false, false, incarnation, spec.untouched)
}

/** The draft after one more write. */
export function editRecord(draft: RecordDraft, intent: Intent, ref: PolicyRef, spec: RecordSpec): RecordDraft {
  const version = newestVersion(draft.under)
  if (version > 1 && version > (spec.lens?.version ?? 1)) throw readOnly(ref.address, version, spec.lens?.version ?? 1)
  switch (intent.kind) {
    case 'create':
      if (spec.member) return create(draft, intent.value, ref, spec)
      break
    case 'delete':
      if (spec.member) return remove(draft, spec)
      break
    case 'set':
      mustExist(draft, ref, spec)
      return set(draft, intent.value, ref, spec)
    case 'merge':
      mustExist(draft, ref, spec)
      return merge(draft, intent.base, intent.mine, ref, spec)
    case 'patch':
      mustExist(draft, ref, spec)
      return patch(draft, intent.fields, ref, spec)
    case 'add':
      mustExist(draft, ref, spec)
      return add(draft, intent.delta, intent.field, ref, spec)
  }
  throw spec.member
    ? noSuchWrite(
        ref.address,
        intent,
        'a member of a collection',
        'create, set, merge, patch, add to a count, move and delete',
      )
    : noSuchWrite(ref.address, intent, 'a record', 'set, merge, patch and add to a count')
}

/** The operation that takes the state to the draft; undefined when nothing changed. */
export function finishRecord(draft: RecordDraft, spec: RecordSpec): Value | undefined {
  if (draft.gone) return spec.keeps ? yieldingDelete(draft.base!) : [DELETE, draft.incarnation]
  const plain = plainOperation(draft, spec)
  if (plain !== undefined) return draft.born || plain.length > 2 ? plain : undefined
  const payload: Value[] = [draft.born ? CREATE : WRITE, draft.incarnation]
  if (draft.born && spec.keeps) payload.push(CLEAR, KEPT, null)
  const { lens } = spec
  const { under } = draft
  const at = lens === undefined ? 1 : Math.max(lens.writes, newestVersion(under))
  /** Whether older code is to read it too, under the names that it knows. */
  const isLowered = lens !== undefined && at < lens.version
  let isWritten = draft.born
  for (let i = 0; i < spec.fields.length; i++) {
    const written = draft.writes[i]
    if (written === UNTOUCHED) continue
    const field = spec.fields[i]!
    if (field.kind === 'count') {
      if ((written as Sum).length > 0) payload.push(ADD, field.name, encodeSum(written as Sum))
      continue
    }
    const before = readField(under, field, spec)
    if (!draft.born && equalValues(written === undefined ? field.initial : written, before)) continue
    if (field.kind === 'place') {
      const { parent, key } = written as Place
      payload.push(PUT, field.name, [parent, key])
    } else if (isLowered) isWritten = true
    else pushRegister(payload, under, spec, field.name, before as Value | undefined, written as Value | undefined, at)
  }
  if (isLowered && isWritten) {
    const read = (field: FieldSpec, isNow: boolean): unknown =>
      isNow ? draft.readField(field, spec) : readField(under, field, spec)
    for (const [name, [before, value]] of loweredWrites(under, draft.born, spec, lens, at, read)) {
      pushRegister(payload, under, spec, name, before, value, at)
    }
  }
  return draft.born || payload.length > 2 ? payload : undefined
}

/** The same of whole values of version 1 only, as most are; undefined where there are others. */
function plainOperation(draft: RecordDraft, spec: RecordSpec): Value[] | undefined {
  if (spec.lens !== undefined || spec.keeps) return undefined
  const { writes, under } = draft
  let count = 0
  for (let i = 0; i < writes.length; i++) {
    const written = writes[i]
    if (written === UNTOUCHED) continue
    const { kind, parts } = spec.fields[i]!
    if (written === undefined || kind === 'count' || kind === 'place' || parts !== undefined) return undefined
    count += 1
  }
  const payload = operationOf(count)
  payload[0] = draft.born ? CREATE : WRITE
  payload[1] = draft.incarnation
  let at = 2
  for (let i = 0; i < writes.length; i++) {
    const written = writes[i]
    if (written === UNTOUCHED) continue
    const field = spec.fields[i]!
    if (!draft.born && equalValues(written, readField(under, field, spec))) continue
    payload[at] = SET
    payload[at + 1] = field.name
    payload[at + 2] = written as Value
    at += 3
  }
  if (at < payload.length) payload.length = at
  return payload
}

/** Room for an operation with so many entries. By copying: an array that is pushed to gets room for sixteen more. */
function operationOf(entries: number): Value[] {
  let blank = blanks[entries]
  if (blank === undefined) blanks[entries] = blank = Array.from({ length: 2 + 3 * entries }, () => '')
  return blank.slice()
}

/** By the number of entries, which is that of declared fields at most. */
const blanks: Value[][] = []

/** Adds what makes a register, from `before`, what it is to be at version `at`. */
function pushRegister(
  payload: Value[],
  under: RecordState | undefined,
  spec: RecordSpec,
  name: string,
  before: Value | undefined,
  value: Value | undefined,
  at: number,
): void {
  const stored = storedRegister(value, at)
  const path = stored === undefined ? undefined : pathAt(under, name, at, spec.lens)
  const entries = path && partsFor(under, name, spec)?.entries(name, before, value!, path)
  if (entries !== undefined) for (const item of entries) payload.push(item)
  else if (stored === undefined) payload.push(CLEAR, name, null)
  else payload.push(SET, name, stored)
}

function create(draft: RecordDraft, value: unknown, ref: PolicyRef, spec: RecordSpec): RecordDraft {
  if (draft.exists(spec)) {
    throw new StmError('member-exists', `"${ref.address}" exists already. Use set or patch, or choose another id.`)
  }
  const writes = spec.untouched.slice()
  const given = fieldsIn(value, ref)
  for (const name in given) {
    if (!Object.hasOwn(given, name)) continue
    const field = fieldOf(name, ref, spec)
    const one = given[name]
    if (one === undefined) continue
    if (field.kind === 'count' || field.kind === 'place') throw notByValue(field, ref)
    writes[field.index] = checkValue(one, field, ref)
  }
  return new RecordDraft(draft.base, true, false, nextIncarnation(draft.base, ref), writes)
}

/** One more than the greatest deleted; the one that is written to already, when these writes overtook the operation that creates it. */
function nextIncarnation(base: RecordState | undefined, ref: PolicyRef): number {
  if (base === undefined || base.incarnation === 0) return 1
  if (base.created === undefined && base.deleted === undefined) return base.incarnation
  if (base.incarnation < Number.MAX_SAFE_INTEGER) return base.incarnation + 1
  throw new StmError(
    'invalid-write',
    `"${ref.address}" cannot be created again: it has used up its incarnations. Choose another id.`,
  )
}

function remove(draft: RecordDraft, spec: RecordSpec): RecordDraft {
  if (!draft.exists(spec)) return draft
  const { base } = draft
  return new RecordDraft(base, false, base?.exists === true, base?.incarnation ?? 0, spec.untouched)
}

function set(draft: RecordDraft, value: unknown, ref: PolicyRef, spec: RecordSpec): RecordDraft {
  const given = new Map(entriesOf(value, ref))
  for (const name of given.keys()) fieldOf(name, ref, spec)
  let writes: unknown[] | undefined
  for (const field of spec.fields) {
    const now = draft.readField(field, spec)
    const wanted = given.get(field.name)
    if (field.kind === 'count' || field.kind === 'place') {
      // They come along when a value that was read is changed and written back.
      if (wanted === undefined || equalValues(wanted, now)) continue
      throw notByValue(field, ref)
    }
    if (wanted === undefined && field.kind === 'data') {
      throw new StmError(
        'invalid-value',
        `The value for "${ref.address}" lacks the field "${field.name}". Give all fields, or use patch to write some.`,
      )
    }
    const checked = checkValue(wanted, field, ref)
    if (equalValues(checked, now)) continue
    writes ??= draft.writes.slice()
    writes[field.index] = checked
  }
  return written(draft, writes)
}

/** Writes what differs between two whole or partial values of the record: each field goes by how it merges. */
function merge(draft: RecordDraft, base: unknown, mine: unknown, ref: PolicyRef, spec: RecordSpec): RecordDraft {
  const [had, wants] = [new Map(entriesOf(base, ref)), new Map(entriesOf(mine, ref))]
  let writes: unknown[] | undefined
  for (const name of new Set([...had.keys(), ...wants.keys()])) {
    const field = fieldOf(name, ref, spec)
    const [before, after] = [had.get(name), wants.get(name)]
    const merged = mergeField(draft, field, before, after, ref, spec)
    if (merged === UNTOUCHED) continue
    writes ??= draft.writes.slice()
    writes[field.index] = merged
  }
  return written(draft, writes)
}

/** What is to be written to a field that somebody had as `base` and wants as `mine`. */
function mergeField(
  draft: RecordDraft,
  field: FieldSpec,
  base: unknown,
  mine: unknown,
  ref: PolicyRef,
  spec: RecordSpec,
): unknown {
  const where = `The field "${field.name}" of "${ref.address}"`
  switch (field.kind) {
    case 'count': {
      // Who left it away, as `set` allows, has not touched it.
      if (mine === undefined) return UNTOUCHED
      const added = addedTo(draft, field)
      const delta = differenceOf(addSums(totalOf(counterOf(draft.under, field)), added), base, mine, where)
      if (delta.length === 0) return UNTOUCHED
      const after = addSums(added, delta)
      checkDelta(valueOfSum(after), where)
      return after
    }
    case 'place':
      if (mine === undefined || equalValues(base, mine)) return UNTOUCHED
      throw notByValue(field, ref)
    default: {
      const given = checkValue(mine, field, ref)
      if (equalValues(base, given)) return UNTOUCHED
      const now = draft.readField(field, spec)
      // One that goes by parts is not cleared.
      const wanted = field.parts === undefined ? given : field.parts.merged(now as Value | undefined, base, given!)
      return equalValues(wanted, now) ? UNTOUCHED : wanted
    }
  }
}

function addedTo(draft: RecordDraft, field: FieldSpec): Sum {
  const added = draft.writes[field.index]
  return added === UNTOUCHED ? noSum : (added as Sum)
}

function patch(draft: RecordDraft, fields: unknown, ref: PolicyRef, spec: RecordSpec): RecordDraft {
  let writes: unknown[] | undefined
  const given = fieldsIn(fields, ref)
  // Not `Object.keys`, which makes an array of them.
  for (const name in given) {
    if (!Object.hasOwn(given, name)) continue
    const field = fieldOf(name, ref, spec)
    if (field.kind === 'count') throw notByValue(field, ref)
    const checked = field.kind === 'place' ? checkPlace(given[name], field, ref) : checkValue(given[name], field, ref)
    if (equalValues(checked, draft.readField(field, spec))) continue
    writes ??= draft.writes.slice()
    writes[field.index] = checked
  }
  return written(draft, writes)
}

function add(
  draft: RecordDraft,
  delta: unknown,
  name: string | undefined,
  ref: PolicyRef,
  spec: RecordSpec,
): RecordDraft {
  const field = name === undefined ? undefined : spec.byName.get(name)
  if (field?.kind !== 'count') {
    const counts = spec.fields.filter(({ kind }) => kind === 'count')
    throw new StmError(
      'invalid-write',
      name === undefined
        ? `"${ref.address}" is a record: say which count to add to, as in tx.add(ref, 1, 'field'). It has ${namesOf(counts)}.`
        : `"${ref.address}" has no count "${name}". It has ${namesOf(counts)}.`,
    )
  }
  const where = `The count "${field.name}" of "${ref.address}"`
  const before = addedTo(draft, field)
  const after = addToSum(before, checkDelta(delta, where))
  if (after === before) return draft
  checkDelta(valueOfSum(after), where)
  return written(draft, draft.writes.with(field.index, after) as unknown[])
}

function written(draft: RecordDraft, writes: readonly unknown[] | undefined): RecordDraft {
  return writes === undefined ? draft : new RecordDraft(draft.base, draft.born, draft.gone, draft.incarnation, writes)
}

function mustExist(draft: RecordDraft, ref: PolicyRef, spec: RecordSpec): void {
  if (draft.exists(spec)) return
  throw new StmError(
    'missing-member',
    `"${ref.address}" does not exist, or was deleted. Create it first, or check tx.get(ref) for undefined.`,
  )
}

export function entriesOf(value: unknown, ref: PolicyRef): [string, unknown][] {
  return Object.entries(fieldsIn(value, ref))
}

/** What somebody gave as fields: what is in it is not known, and getters may be among them. */
function fieldsIn(value: unknown, ref: PolicyRef): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new StmError('invalid-value', `"${ref.address}" takes an object of fields and got ${describe(value)}.`)
}

export function fieldOf(name: string, ref: PolicyRef, spec: RecordSpec): FieldSpec {
  const field = spec.byName.get(name)
  if (field !== undefined) return field
  throw new StmError(
    'invalid-write',
    `"${ref.address}" has no field ${JSON.stringify(name)}. It has ${namesOf(spec.fields)}. Declare the field, or correct its name.`,
  )
}

export function checkValue(value: unknown, field: FieldSpec, ref: PolicyRef): Value | undefined {
  if (value === undefined && field.kind === 'optional') return undefined
  // Most values are, and for them no words about their place are put together.
  if ((field.type === undefined ? field.refersTo === undefined : typeof value === field.type) && isScalar(value))
    return value
  const where = `The field "${field.name}" of "${ref.address}"`
  checkType(value, field.type, where)
  field.refersTo?.check(value, where)
  return checkUnversioned(toValue(value, where), where)
}

function checkPlace(value: unknown, field: FieldSpec, ref: PolicyRef): Place {
  const { parent, key } = (value ?? {}) as { parent?: unknown; key?: unknown }
  if (!isPlace(parent, key)) throw notByValue(field, ref)
  return Object.freeze({ parent: parent as string, key: key as string })
}

function notByValue(field: FieldSpec, ref: PolicyRef): StmError {
  const instead =
    field.kind === 'count' ? `tx.add(ref, delta, ${JSON.stringify(field.name)})` : 'tx.move(ref, list, index)'
  return new StmError(
    'invalid-write',
    `The field "${field.name}" of "${ref.address}" is a ${field.kind} and is not written as a value. Use ${instead}.`,
  )
}

function namesOf(fields: readonly FieldSpec[]): string {
  return fields.length === 0 ? 'none' : fields.map(({ name }) => JSON.stringify(name)).join(', ')
}
