import { equalValues, setKey, type Value } from '@syncline/stm'
import type { FieldSpec, RecordSpec } from './fields.ts'
import {
  asObject,
  liftedOnce,
  liftedRegisters,
  storedAs,
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
export function liftedField(state: RecordState, name: string, lens: Lens): Value | undefined {
  const { value } = liftedRecord(state, lens)
  return Object.hasOwn(value, name) ? value[name] : undefined
}

/** The latest version that something in a record was written at. */
export function newestVersion(state: RecordState | undefined): number {
  let most = 1
  if (state === undefined) return most
  for (let slot = 0; slot < state.values.length; slot++) {
    if (state.shape.kinds[slot] === DATA) most = Math.max(most, versionOf(state.values[slot] as Value | undefined))
  }
  return most
}

function storedIn({ shape, values }: RecordState): Map<string, Value> {
  const stored = new Map<string, Value>()
  values.forEach((value, slot) => {
    if (shape.kinds[slot] === DATA && value !== undefined) stored.set(shape.names[slot]!, value as Value)
  })
  return stored
}

/**
 * The registers that a record has to be given at version `at`, an earlier one than the app's, so that they read as `now`, and nothing else
 * changes: by name, undefined for those that are cleared.
 */
export function loweredWrites(
  under: RecordState | undefined,
  isBorn: boolean,
  spec: RecordSpec,
  lens: Lens,
  at: number,
  read: (field: FieldSpec, isNow: boolean) => unknown,
): ReadonlyMap<string, Value | undefined> {
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
  const writes = new Map<string, Value | undefined>()
  for (const [name, value] of Object.entries(after)) {
    if (!Object.hasOwn(before, name) || !equalValues(before[name], value)) writes.set(name, value)
  }
  for (const name of Object.keys(before)) if (!Object.hasOwn(after, name)) writes.set(name, undefined)
  return writes
}

const noRegisters: Registers = Object.freeze({})

/** What is stored of a register at a version; undefined where it is cleared as it always was. */
export function storedRegister(value: Value | undefined, at: number): Value | undefined {
  return at === 1 ? value : storedAs(value, at)
}
