import { compareStamps, setKey, type Place, type Stamp, type Value } from '@syncline/stm'
import { addToCounter, readCounter, type CounterState } from './counter-state.ts'
import type { FieldSpec, RecordSpec } from './fields.ts'
import { freezeValue } from './freeze.ts'
import {
  heldOf,
  JsonTree,
  openContent,
  readNodeEntry,
  RESET_AT,
  SET_AT,
  treeOf,
  wholeOf,
  writtenAll,
  writtenAt,
  type NodeWrite,
} from './json-tree.ts'
import { isSortKey } from './keys.ts'
import { plainOf } from './lens.ts'
import { wins } from './order.ts'
import { liftedField } from './record-lens.ts'
import { ADD, CLEAR, CREATE, DELETE, PUT, SET, WRITE, YIELD } from './record-op.ts'
import { holdsUnseen, joinedSeen, readSeen, type Seen } from './record-seen.ts'
import { COUNT, DATA, noFields, PLACE, type Shape, type SlotKind } from './shape.ts'
import { decodeSum } from './sum.ts'

/**
 * One record, or one member of a collection, at its greatest incarnation: what was said of earlier ones is forgotten.
 * Exists when created and not deleted. A deleted one keeps nothing but the stamp of its deletion, unless that may yield.
 */
export class RecordState {
  readonly incarnation: number
  readonly created: Stamp | undefined
  readonly deleted: Stamp | undefined
  readonly shape: Shape
  /** The values; undefined as soon as the last view has them all, so that a table that is shown is not held twice. */
  private held: readonly unknown[] | undefined
  /** The stamp of all registers, when they share one, as in a row that was created and left alone. */
  readonly stamp: Stamp
  /** The stamps by slot, when they do not. Those of counts mean nothing. */
  readonly stamps: readonly Stamp[] | undefined
  /** What yielding deletes had seen. It is `deleted` by them when it holds nothing else. */
  readonly seen: Seen | undefined
  /** The last view that was asked for, and by whom. */
  private viewFor: RecordSpec | undefined
  private lastView: unknown

  constructor(
    incarnation: number,
    created: Stamp | undefined,
    deleted: Stamp | undefined,
    shape: Shape,
    values: readonly unknown[],
    stamp: Stamp,
    stamps: readonly Stamp[] | undefined,
    seen: Seen | undefined,
  ) {
    this.incarnation = incarnation
    this.created = created
    this.deleted = deleted
    this.shape = shape
    this.held = values
    this.stamp = stamp
    this.stamps = stamps
    this.seen = seen
    this.viewFor = undefined
    this.lastView = undefined
  }

  /** One that was created and has scalars in its registers alone, which its first view has: so there are no values beside it. */
  static shown(
    incarnation: number,
    created: Stamp,
    shape: Shape,
    stamps: readonly Stamp[] | undefined,
    spec: RecordSpec,
    view: unknown,
  ): RecordState {
    const state = new RecordState(incarnation, created, undefined, shape, NOTHING, created, stamps, undefined)
    state.held = undefined
    state.viewFor = spec
    state.lastView = view
    return state
  }

  /**
   * By slot: a value, undefined when cleared, or a {@link JsonTree} where parts of it were written; a {@link CounterState}; a {@link Place}, or
   * undefined when taken out. Put together anew when the last view has them.
   */
  get values(): readonly unknown[] {
    if (this.held !== undefined) return this.held
    const values = this.shape.blank.slice()
    for (let slot = 0; slot < values.length; slot++) values[slot] = this.at(slot)
    return values
  }

  /** What `values` have in one slot. */
  at(slot: number): unknown {
    if (this.held !== undefined) return this.held[slot]
    // The view is an object with the fields of the shape.
    return (this.lastView as Readonly<Record<string, unknown>>)[this.shape.names[slot]!]
  }

  /** Whether all that it holds are texts, numbers, true, false and null, as far as that is known. */
  get isScalar(): boolean {
    return this.held === undefined
  }

  get exists(): boolean {
    return this.created !== undefined && this.deleted === undefined
  }

  /** The values by declared field, as one frozen object: the same for the same spec. */
  view(spec: RecordSpec): unknown {
    if (this.viewFor === spec) return this.lastView
    if (this.viewFor === undefined) {
      this.lastView = viewOf(this, spec)
      this.viewFor = spec
      if (isWholeIn(this.shape, spec) && this.held!.every(isScalarValue)) this.held = undefined
      return this.lastView
    }
    // A second declaration of the same collection: rare, and still one object for each.
    let views = otherViews.get(this)
    if (views === undefined) otherViews.set(this, (views = new Map()))
    let view = views.get(spec)
    if (view === undefined) views.set(spec, (view = viewOf(this, spec)))
    return view
  }
}

/** Whether a view has all that a state of this shape has, if these are scalars. */
export function isWholeIn(shape: Shape, spec: RecordSpec): boolean {
  return spec.lens === undefined && shape.isIn(spec.fields)
}

function isScalarValue(value: unknown): boolean {
  return value === null || (typeof value !== 'object' && value !== undefined)
}

const otherViews = new WeakMap<RecordState, Map<RecordSpec, unknown>>()

function viewOf(state: RecordState, spec: RecordSpec): unknown {
  const plan = state.shape.plan(spec.fields)
  return buildView(spec, (field) => valueAt(state, plan[field.index]!, field))
}

/** What a declared field reads: undefined when it has no value. */
export function readField(
  state: RecordState | undefined,
  field: FieldSpec,
  { fields }: RecordSpec,
): Value | Place | undefined {
  return state === undefined ? field.initial : valueAt(state, state.shape.plan(fields)[field.index]!, field)
}

/**
 * What a record holds: whether it is a member, its registers, its counts and its places. The incarnation is none of it: a member that was
 * made anew with the same fields reads the same. Nor is what reads as if it had never been written.
 */
export function contentOf(state: RecordState | undefined): Value | undefined {
  // What is kept of a deleted one nobody reads.
  if (state === undefined || state.deleted !== undefined) return undefined
  const registers: { [name: string]: Value } = {}
  const counts: { [name: string]: Value } = {}
  const places: { [name: string]: Value } = {}
  const parts: { [name: string]: Value } = {}
  let fields = 0
  const { values } = state
  state.shape.names.forEach((name, slot) => {
    const kind = state.shape.kinds[slot]!
    let held = values[slot]
    if (held instanceof JsonTree) {
      const open = openContent(held)
      if (open !== undefined && open.length > 0) setKey(parts, name, open)
      held = open === undefined ? held.read(undefined) : undefined
    }
    const value = kind === COUNT ? readCounter(held as CounterState) : asEntry(kind, held)
    // Cleared, taken out, or come back to 0.
    if (held === undefined || value === undefined || (kind === COUNT && value === 0)) return
    setKey(kind === DATA ? registers : kind === COUNT ? counts : places, name, value)
    fields += 1
  })
  const content: Value[] = [state.exists, registers, counts, places]
  if (Object.keys(parts).length > 0) content.push(parts)
  return state.exists || fields > 0 || content.length > 4 ? content : undefined
}

/** What was added to a declared count. */
export function counterOf(state: RecordState | undefined, field: FieldSpec): CounterState | undefined {
  const slot = state === undefined ? -1 : state.shape.slot(COUNT, field.name)
  return slot < 0 ? undefined : (state!.at(slot) as CounterState)
}

function valueAt(state: RecordState, slot: number, field: FieldSpec): Value | Place | undefined {
  if (field.lens !== undefined && field.slotKind === DATA) {
    const lifted = liftedField(state, field, field.lens)
    return lifted === undefined ? field.initial : lifted
  }
  if (slot < 0) return field.initial
  const held = state.at(slot)
  if (field.slotKind === COUNT) return readCounter(held as CounterState)
  const value = field.slotKind === DATA ? plainOf(wholeOf(held, field.initial)) : held
  // Cleared: an optional field reads nothing, another what it starts with.
  return value === undefined ? field.initial : (value as Value | Place)
}

/** A frozen object with the declared fields that have a value, in declared order. */
export function buildView(spec: RecordSpec, read: (field: FieldSpec) => Value | Place | undefined): unknown {
  const view: Record<string, unknown> = {}
  for (const field of spec.fields) {
    const value = read(field)
    if (value !== undefined) setKey(view, field.name, value)
  }
  return Object.freeze(view)
}

/** Folds one operation into a state. What makes no sense changes nothing. */
export function applyRecord(state: RecordState | undefined, payload: Value, stamp: Stamp): RecordState | undefined {
  if (!isOperation(payload)) return state
  const incarnation = payload[1] as number
  if (state !== undefined && state.incarnation > incarnation) return state
  const current = state !== undefined && state.incarnation === incarnation ? state : undefined
  /** Deleted for good: by a delete that does not yield. */
  const isOver = current?.deleted !== undefined && current.seen === undefined
  if (payload[0] === DELETE) {
    if (isOver && compareStamps(stamp, current.deleted!) <= 0) return state
    return new RecordState(incarnation, undefined, stamp, noFields, NOTHING, stamp, undefined, undefined)
  }
  if (isOver) return state
  if (payload[0] === YIELD) return yieldTo(current, incarnation, payload, stamp) ?? state
  let created = current?.created
  if (payload[0] === CREATE && (created === undefined || compareStamps(stamp, created) < 0)) created = stamp
  return fold(current, incarnation, created, payload, stamp) ?? state
}

/** The state after a delete that yields; undefined when nothing changes. It keeps what it holds: somebody may have edited it meanwhile. */
function yieldTo(
  current: RecordState | undefined,
  incarnation: number,
  payload: readonly Value[],
  stamp: Stamp,
): RecordState | undefined {
  const seen = joinedSeen(current?.seen, stamp, readSeen(payload)!)
  if (seen === current?.seen) return undefined
  const { created, shape, values, stamps } = current ?? nothing
  return unlessDeleted(
    new RecordState(incarnation, created, undefined, shape, values, current?.stamp ?? stamp, stamps, seen),
  )
}

/** The state, deleted if its deletes have seen all that it holds. */
function unlessDeleted(state: RecordState): RecordState {
  if (state.seen === undefined || holdsUnseen(state, state.seen)) return state
  const { incarnation, created, shape, values, stamp, stamps, seen } = state
  return new RecordState(incarnation, created, seen.deleted, shape, values, stamp, stamps, seen)
}

const NOTHING: readonly unknown[] = Object.freeze([])
const nothing = { created: undefined, shape: noFields, values: NOTHING, stamps: undefined }

/** Whether a payload is an operation on a record. */
export function isOperation(payload: Value): payload is readonly Value[] {
  if (!Array.isArray(payload)) return false
  const [kind, incarnation] = payload as readonly Value[]
  if (typeof incarnation !== 'number' || !Number.isSafeInteger(incarnation)) return false
  if (kind === DELETE) return incarnation >= 1 && payload.length === 2
  if (kind === YIELD) return incarnation >= 1 && readSeen(payload) !== undefined
  if (kind === CREATE ? incarnation < 1 : kind !== WRITE || incarnation < 0) return false
  if (payload.length % 3 !== 2) return false
  for (let i = 2; i < payload.length; i += 3) {
    if (typeof payload[i + 1] !== 'string' || !isEntryValue(payload[i], payload[i + 2])) return false
  }
  return true
}

/** Whether an entry of a kind can carry this. */
export function isEntryValue(kind: Value, value: Value): boolean {
  switch (kind) {
    case SET:
      return value !== undefined
    case CLEAR:
      return value === null
    case ADD:
      return decodeSum(value) !== undefined
    case PUT:
      return value === null || (Array.isArray(value) && value.length === 2 && isPlace(value[0], value[1]))
    default:
      return readNodeEntry(kind, value) !== undefined
  }
}

/** Whether these can be a place: any parent, and a sort key of digits and letters. */
export function isPlace(parent: unknown, key: unknown): boolean {
  return typeof parent === 'string' && isSortKey(key)
}

/**
 * The first state of a member that was written whole, as the members of collections are when they are created, and in the order in which the
 * one before it was; undefined for any other.
 */
function bornOf(
  incarnation: number,
  created: Stamp | undefined,
  payload: readonly Value[],
  stamp: Stamp,
): RecordState | undefined {
  const count = (payload.length - 2) / 3
  if (count === 0) return undefined
  let shape = noFields
  for (let slot = 0, i = 2; slot < count; slot++, i += 3) {
    const next = payload[i] === SET ? shape.grown(DATA, payload[i + 1] as string) : undefined
    if (next === undefined) return undefined
    shape = next
  }
  // Not by pushing: an array that is pushed to gets room for sixteen more, and states are many.
  const values = shape.blank.slice()
  for (let slot = 0, i = 4; slot < count; slot++, i += 3) values[slot] = freezeValue(payload[i])
  return new RecordState(incarnation, created, undefined, shape, values, stamp, undefined, undefined)
}

/** The state with the entries of an operation of its incarnation; undefined when nothing changes. */
function fold(
  current: RecordState | undefined,
  incarnation: number,
  created: Stamp | undefined,
  payload: readonly Value[],
  stamp: Stamp,
): RecordState | undefined {
  if (current === undefined) {
    const born = bornOf(incarnation, created, payload, stamp)
    if (born !== undefined) return born
  }
  let shape = current === undefined ? noFields : current.shape
  // Found once: it may have to be put together.
  const slots = current === undefined ? NOTHING : current.values
  let values: unknown[] | undefined
  let stamps: Stamp[] | undefined
  /** The stamp of all slots so far, undefined as soon as they differ. */
  let uniform = current === undefined ? stamp : current.stamps === undefined ? current.stamp : undefined
  if (current !== undefined && current.shape.names.length === 0) uniform = stamp

  /** What is written inside of registers and was not come to yet. */
  let parts: Map<string, [NodeWrite, ...NodeWrite[]]> | undefined

  for (let i = 2; i < payload.length; i += 3) {
    const entry = payload[i]
    const name = payload[i + 1] as string
    const kind: SlotKind = entry === ADD ? COUNT : entry === PUT ? PLACE : DATA
    const slot = shape.slot(kind, name)
    const before: unknown = slot < 0 ? undefined : (values ?? slots)[slot]
    let after: unknown
    let at = stamp
    if (kind === COUNT) {
      after = addToCounter(before as CounterState | undefined, stamp, decodeSum(payload[i + 2])!)
      if (after === before) continue
    } else {
      const standing = slot < 0 ? undefined : (uniform ?? (stamps ?? current!.stamps!)[slot]!)
      if (before instanceof JsonTree || (entry as number) >= SET_AT) {
        const tree =
          before instanceof JsonTree || standing === undefined ? before : treeOf(before as Value | undefined, standing)
        let grown: JsonTree
        if ((entry as number) >= SET_AT) {
          // All at once: there may be many, and each copies the keys beside it.
          parts ??= partsOf(payload, stamp)
          const writes = parts.get(name)
          if (writes === undefined) continue
          parts.delete(name)
          grown = writtenAll(tree as JsonTree | undefined, writes)
        } else grown = writtenAt(before as JsonTree, wholeWriteOf(entry as number, payload[i + 2]!, stamp))
        if (grown === tree) continue
        after = heldOf(grown)
        at = grown.latest
      } else {
        const written = entry === CLEAR ? undefined : payload[i + 2]!
        if (standing !== undefined && !wins(stamp, written, standing, asEntry(kind, before))) continue
        after = kind === PLACE ? asPlace(written as readonly [string, string] | null) : freezeValue(written)
      }
    }
    values ??= current === undefined ? [] : slots.slice()
    if (uniform !== undefined && uniform !== at && kind !== COUNT) {
      stamps = (values.slice() as Stamp[]).fill(uniform)
      uniform = undefined
    } else if (uniform === undefined && stamps === undefined) stamps = current!.stamps!.slice()
    if (slot < 0) {
      shape = shape.with(kind, name)
      values.push(after)
      stamps?.push(at)
    } else {
      values[slot] = after
      if (stamps !== undefined) stamps[slot] = at
    }
  }
  if (values === undefined) {
    if (current !== undefined && created === current.created) return undefined
    if (current === undefined && created === undefined) return undefined
    values = current === undefined ? [] : (slots as unknown[])
  }
  return unlessDeleted(
    new RecordState(
      incarnation,
      created,
      undefined,
      shape,
      values,
      uniform ?? stamp,
      uniform === undefined ? (stamps ?? current!.stamps) : undefined,
      current?.seen,
    ),
  )
}

/** What an operation writes inside of registers, by their names. */
function partsOf(payload: readonly Value[], stamp: Stamp): Map<string, [NodeWrite, ...NodeWrite[]]> {
  const parts = new Map<string, [NodeWrite, ...NodeWrite[]]>()
  for (let i = 2; i < payload.length; i += 3) {
    const part = readNodeEntry(payload[i]!, payload[i + 2]!)
    if (part === undefined) continue
    const write = { ...part, value: freezeValue(part.value), stamp }
    const name = payload[i + 1] as string
    const others = parts.get(name)
    if (others === undefined) parts.set(name, [write])
    else others.push(write)
  }
  return parts
}

/** The write in an entry that is one to a whole register. */
function wholeWriteOf(entry: number, data: Value, stamp: Stamp): NodeWrite {
  const value = entry === SET ? freezeValue(data) : undefined
  return { kind: entry === SET ? SET_AT : RESET_AT, value, path: WHOLE, stamp }
}

const WHOLE: readonly string[] = Object.freeze([])

function asPlace(written: readonly [string, string] | null): Place | undefined {
  return written === null ? undefined : Object.freeze({ parent: written[0], key: written[1] })
}

/** What stands in a slot, in the form in which it was written. */
function asEntry(kind: SlotKind, value: unknown): Value | undefined {
  if (kind === DATA) return value as Value | undefined
  return value === undefined ? null : [(value as Place).parent, (value as Place).key]
}
