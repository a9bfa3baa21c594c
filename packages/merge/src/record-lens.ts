import { equalValues, setKey, type Value } from '@syncline/stm'
import type { FieldSpec, Parts, RecordSpec } from './fields.ts'
import { JsonTree, RESET_AT, wholeOf } from './json-tree.ts'
import {
  asObject,
  liftedOnce,
  liftedRegisters,
  storedAs,
  valuePath,
  versionOf,
  type Lens,
  type Lifted,
  type Registers,
} from './lens.ts'
import type { RecordState } from './record-state.ts'
import { DATA } from './shape.ts'

/** The registers of a record as a lens makes them: declared or not. */
export function liftedRecord(state: RecordState, lens: Lens | undefined): Lifted<Registers> {
  return liftedOnce(lens, state, () => liftedRegisters(storedIn(state), lens))
}

/** What one register reads; undefined when it has no value. */
export function liftedField(state: RecordState, { name, parts, initial }: FieldSpec, lens: Lens): Value | undefined {
  const { value } = liftedRecord(state, lens)
  if (!Object.hasOwn(value, name)) return undefined
  return parts !== undefined && isInParts(state, name) ? parts.over(initial, value[name]!) : value[name]
}

/** Whether nobody has written the whole of a register, but parts of it, or of what it was made of. */
function isInParts(state: RecordState, name: string): boolean {
  const slot = state.shape.slot(DATA, name)
  return slot < 0 ? state.values.some(isOpen) : isOpen(state.at(slot))
}

function isOpen(held: unknown): boolean {
  return held instanceof JsonTree && held.kind === RESET_AT
}

/** The latest version that something in a record was written at. */
export function newestVersion(state: RecordState | undefined): number {
  let most = 1
  if (state === undefined || state.isScalar) return most
  const { values, shape } = state
  for (let slot = 0; slot < values.length; slot++) {
    const held = values[slot]
    // What is of a later version is an object.
    if (typeof held !== 'object' || held === null || shape.kinds[slot] !== DATA) continue
    most = Math.max(most, versionOf(rootOf(held)))
  }
  return most
}

/** What a register was written as, apart from its parts: that tells its version. */
function rootOf(held: unknown): Value | undefined {
  return held instanceof JsonTree ? held.value : (held as Value | undefined)
}

function storedIn({ shape, values }: RecordState): Map<string, Value> {
  const stored = new Map<string, Value>()
  values.forEach((held, slot) => {
    if (shape.kinds[slot] !== DATA) return
    const name = shape.names[slot]!
    const value = wholeOf(held, undefined)
    if (value !== undefined) stored.set(name, value)
  })
  return stored
}

/**
 * Where in a register its parts are written, so that it is of version `at`; undefined where that has to be written as a whole first: over
 * another version, and where code of another version starts with something else.
 */
export function pathAt(
  state: RecordState | undefined,
  name: string,
  at: number,
  lens: Lens | undefined,
): readonly string[] | undefined {
  const held = heldIn(state, name)
  if (versionOf(rootOf(held)) !== at || (lens !== undefined && (held === undefined || isOpen(held)))) return undefined
  return at === 1 ? noPath : valuePath
}

const noPath: readonly string[] = Object.freeze([])

/**
 * How to write a register that is not declared here, because older code calls it otherwise: part by part if somebody has done so before.
 */
export function partsFor(state: RecordState | undefined, name: string, spec: RecordSpec): Parts | undefined {
  const field = spec.byName.get(name)
  if (field !== undefined || !(heldIn(state, name) instanceof JsonTree)) return field?.parts
  return spec.fields.find(({ parts }) => parts !== undefined)?.parts
}

function heldIn(state: RecordState | undefined, name: string): unknown {
  const slot = state === undefined ? -1 : state.shape.slot(DATA, name)
  return slot < 0 ? undefined : state!.at(slot)
}

/**
 * The registers that a record has to be given at version `at`, an earlier one than the app's, so that they read as `now`, and nothing else
 * changes: by name what each reads there before and then, undefined for those that are cleared.
 */
export function loweredWrites(
  under: RecordState | undefined,
  isBorn: boolean,
  spec: RecordSpec,
  lens: Lens,
  at: number,
  read: (field: FieldSpec, isNow: boolean) => unknown,
): ReadonlyMap<string, readonly [before: Value | undefined, now: Value | undefined]> {
  const known = under === undefined ? noRegisters : liftedRecord(under, lens).value
  const lowered = (isNow: boolean): Registers => {
    const registers: Record<string, Value> = { ...known }
    for (const field of spec.fields) {
      if (field.slotKind !== DATA) continue
      // A register reads data.
      const value = read(field, isNow) as Value | undefined
      if (value === undefined) delete registers[field.name]
      else setKey(registers, field.name, value)
    }
    return asObject(lens.down(registers, at))
  }
  const before = isBorn ? noRegisters : lowered(false)
  const after = lowered(true)
  const writes = new Map<string, readonly [Value | undefined, Value | undefined]>()
  for (const [name, value] of Object.entries(after)) {
    const old = Object.hasOwn(before, name) ? before[name] : undefined
    if (!equalValues(old, value)) writes.set(name, [old, value])
  }
  for (const name of Object.keys(before)) if (!Object.hasOwn(after, name)) writes.set(name, [before[name], undefined])
  return writes
}

const noRegisters: Registers = Object.freeze({})

/** What is stored of a register at a version; undefined where it is cleared as it always was. */
export function storedRegister(value: Value | undefined, at: number): Value | undefined {
  return at === 1 ? value : storedAs(value, at)
}
