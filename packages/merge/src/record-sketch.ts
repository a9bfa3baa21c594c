import type { Place, Stamp, Value } from '@syncline/stm'
import type { CounterState } from './counter-state.ts'
import type { Origins } from './origins.ts'
import type { RecordState } from './record-state.ts'
import { COUNT, type DATA, type PLACE, type SlotKind } from './shape.ts'
import { noSum, type Sum } from './sum.ts'

/** A register of a record: what it holds (undefined: nothing), and the write that stands there. */
export interface Register {
  readonly kind: typeof DATA | typeof PLACE
  readonly name: string
  readonly value: Value | Place | undefined
  /** Undefined where nobody has written. */
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

/** The path of a register. */
export function pathOf(kind: SlotKind, name: string): string {
  return `${kind}${name}`
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
  state?.values.forEach((value, slot) => {
    const kind = state.shape.kinds[slot]!
    const name = state.shape.names[slot]!
    if (kind === COUNT) sketch.counts.set(name, (value as CounterState).total)
    else {
      const stamp = state.stamps?.[slot] ?? state.stamp
      sketch.registers.set(pathOf(kind, name), { kind, name, value: value as Value | Place | undefined, stamp })
    }
  })
  return sketch
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
