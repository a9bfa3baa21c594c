import { compareStamps, type Distilled } from '@syncline/stm'
import { ByStamp } from './by-stamp.ts'
import type { CounterState } from './counter-state.ts'
import { SET_AT } from './json-tree.ts'
import { StampTable } from './origins.ts'
import { ADD, CREATE, DELETE, WRITE, YIELD } from './record-op.ts'
import type { Seen } from './record-seen.ts'
import { registersIn } from './record-sketch.ts'
import type { RecordState } from './record-state.ts'
import { COUNT } from './shape.ts'
import { addendsOf } from './sum.ts'

/**
 * Operations that make a record of nothing: its creation and its writes, those of one stamp as one, and what yielding deletes have seen. Of one that is
 * deleted for good nothing but that is left.
 */
export function distillRecord(state: RecordState): readonly Distilled[] {
  const { incarnation, created, deleted, seen } = state
  if (deleted !== undefined && seen === undefined) return [{ payload: [DELETE, incarnation], stamp: deleted }]
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

function yielded(incarnation: number, { stamps }: Seen): Distilled['payload'] {
  const table = new StampTable()
  const entries = Array.from(stamps).flatMap(([path, stamp]) => [path, table.place(stamp)])
  return [YIELD, incarnation, table.data, ...entries]
}
