import type { Place, Stamp, Value } from '@syncline/stm'
import type { CounterState } from './counter-state.ts'
import { JsonTree, nodeEntryData, readNodeEntry, writesIn } from './json-tree.ts'
import type { Origins } from './origins.ts'
import { CLEAR, PUT, SET } from './record-op.ts'
import type { RecordState } from './record-state.ts'
import { COUNT, DATA, PLACE, type SlotKind } from './shape.ts'
import { noSum, type Sum } from './sum.ts'

/**
 * A register of a record, or a part of one: the entry of an operation that makes it what it is, and the write that stands there. Where nobody
 * has written it is cleared, or reset, and has no stamp.
 */
export interface Register {
  readonly entry: Value
  readonly name: string
  readonly data: Value
  readonly stamp: Stamp | undefined
}

/**
 * What a record would hold after some of its operations were taken back, while they are being taken back.
 *
 * A member that was deleted and created again in their course goes on with the *life* it had: lives are told apart by the number of the
 * incarnation that began them first.
 */
export interface Sketch {
  /** 0 when it never was. */
  life: number
  created: Stamp | undefined
  deleted: Stamp | undefined
  /** By path. */
  registers: Map<string, Register>
  /** What was added up, by name. */
  counts: Map<string, Sum>
}

/** The paths of a member's own life: who created it, and who deleted it. Names of fields follow a digit, so they are no others. */
export const CREATED = '+'
export const DELETED = '-'

/** The path of a register, or of the part of it at `keys`. */
export function pathOf(entry: Value, name: string, keys: readonly string[]): string {
  return entry === PUT
    ? `${PLACE}${name}`
    : keys.length === 0
      ? `${DATA}${name}`
      : `.${JSON.stringify([name, ...keys])}`
}

/** Its path, and the paths of what it is a part of, up to the whole register. */
export function pathsOf({ entry, name, data }: Register): readonly [string, ...string[]] {
  const keys = readNodeEntry(entry, data)?.path ?? []
  const above = keys.map((_, i) => pathOf(entry, name, keys.slice(0, i)))
  return [pathOf(entry, name, keys), ...above.reverse()]
}

/** Whether it is a member that is there. */
export function isThere({ created, deleted }: Sketch): boolean {
  return created !== undefined && deleted === undefined
}

/** What a record holds. Cost: its fields. */
export function sketchOf(state: RecordState | undefined, origins: Origins): Sketch {
  const sketch: Sketch = {
    life: lifeOf(state, origins),
    created: state?.created,
    deleted: state?.deleted,
    registers: new Map(),
    counts: new Map(),
  }
  state?.values.forEach((held, slot) => {
    if (state.shape.kinds[slot] === COUNT) sketch.counts.set(state.shape.names[slot]!, (held as CounterState).total)
    else for (const register of registersIn(state, slot)) sketch.registers.set(pathsOf(register)[0], register)
  })
  return sketch
}

/** What is written in a slot that is no count, at `keys` and below. */
export function registersIn(state: RecordState, slot: number, keys: readonly string[] = []): readonly Register[] {
  const held = state.at(slot)
  const name = state.shape.names[slot]!
  if (held instanceof JsonTree) {
    return writesIn(held, keys).map((write): Register => {
      if (write.path.length > 0) return { entry: write.kind, name, data: nodeEntryData(write), stamp: write.stamp }
      return { ...wholeRegister(DATA, name, write.value), stamp: write.stamp }
    })
  }
  if (keys.length > 0) return []
  const stamp = state.stamps?.[slot] ?? state.stamp
  return [{ ...wholeRegister(state.shape.kinds[slot]!, name, held as Value | Place | undefined), stamp }]
}

function wholeRegister(kind: SlotKind, name: string, value: Value | Place | undefined): Omit<Register, 'stamp'> {
  if (kind === PLACE) {
    return { entry: PUT, name, data: value === undefined ? null : [(value as Place).parent, (value as Place).key] }
  }
  return value === undefined ? { entry: CLEAR, name, data: null } : { entry: SET, name, data: value as Value }
}

/** The life that a record is in; of a deleted one, what nobody asks for. */
export function lifeOf(state: RecordState | undefined, origins: Origins): number {
  if (state === undefined) return 0
  return origins.life(state.created) ?? state.incarnation
}

/** What a count comes to. */
export function sumAt(sketch: Sketch, name: string): Sum {
  return sketch.counts.get(name) ?? noSum
}
