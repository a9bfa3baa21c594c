import { compareStamps, type Distilled, type Value } from '@syncline/stm'
import { ByStamp } from './by-stamp.ts'
import type { CounterState } from './counter-state.ts'
import { JsonTree, SET_AT } from './json-tree.ts'
import { StampTable } from './origins.ts'
import { ADD, CLEAR, CREATE, DELETE, SET, WRITE, YIELD } from './record-op.ts'
import type { Seen } from './record-seen.ts'
import { registersIn } from './record-sketch.ts'
import type { RecordState } from './record-state.ts'
import { COUNT, DATA } from './shape.ts'
import { addendsOf } from './sum.ts'

/**
 * Operations that make a record of nothing: its creation and its writes, those of one stamp as one, and what yielding deletes have seen. Of one that is
 * deleted for good nothing but that is left.
 */
export function distillRecord(state: RecordState): readonly Distilled[] {
  const { incarnation, created, deleted, seen } = state
  if (deleted !== undefined && seen === undefined) return [{ payload: [DELETE, incarnation], stamp: deleted }]
  const birth = birthOf(state)
  if (birth !== undefined) return [birth]
  const wholes = new ByStamp()
  /** Written inside of registers: each after the whole that it lies in. */
  const parts = new ByStamp()
  if (created !== undefined) wholes.add(created)
  state.values.forEach((held, slot) => {
    const name = state.shape.names[slot]!
    if (state.shape.kinds[slot] === COUNT) {
      for (const [writer, { sum, at }] of (held as CounterState).tallies) {
        for (const addends of addendsOf(sum)) wholes.add({ at, writer }, ADD, name, addends)
      }
      return
    }
    for (const { entry, data, stamp } of registersIn(state, slot)) {
      const writes = (entry as number) >= SET_AT ? parts : wholes
      writes.add(stamp!, entry, name, data)
    }
  })
  const distilled = wholes.distilled((entries, stamp) => {
    const isBirth = created !== undefined && compareStamps(stamp, created) === 0
    return [isBirth ? CREATE : WRITE, incarnation, ...entries]
  })
  distilled.push(...parts.distilled((entries) => [WRITE, incarnation, ...entries]))
  if (seen !== undefined) distilled.push({ payload: yielded(incarnation, seen), stamp: seen.deleted })
  return distilled
}

/**
 * The one operation that makes a record which was created and left alone, as most rows were. Undefined for all others, and for what is more than registers with whole values. It
 * makes what it gives and nothing beside.
 */
function birthOf(state: RecordState): Distilled | undefined {
  const { incarnation, created, stamp, stamps, seen, shape } = state
  if (created === undefined || seen !== undefined || stamps !== undefined || compareStamps(created, stamp) !== 0) {
    return undefined
  }
  const payload: Value[] = [CREATE, incarnation]
  for (let slot = 0; slot < shape.names.length; slot++) {
    const held = state.at(slot)
    if (shape.kinds[slot] !== DATA || held instanceof JsonTree) return undefined
    if (held === undefined) payload.push(CLEAR, shape.names[slot]!, null)
    else payload.push(SET, shape.names[slot]!, held as Value)
  }
  return { payload, stamp: created }
}

function yielded(incarnation: number, { stamps }: Seen): Distilled['payload'] {
  const table = new StampTable()
  const entries = Array.from(stamps).flatMap(([path, stamp]) => [path, table.place(stamp)])
  return [YIELD, incarnation, table.data, ...entries]
}
