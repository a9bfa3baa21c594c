import { compareStamps, type Distilled } from '@syncline/stm'
import { ByStamp } from './by-stamp.ts'
import { INSERT, MOVE, REMOVE, SET, type ListState } from './list-state.ts'

/** Operations that make a list of nothing: for each item the two writes that stand, or the removal. */
export function distillList({ items }: ListState): readonly Distilled[] {
  const writes = new ByStamp()
  for (const { id, key, keyStamp, value, valueStamp, removed } of items) {
    if (removed !== undefined) writes.add(removed, REMOVE, id)
    else if (key !== undefined && value !== undefined && compareStamps(keyStamp, valueStamp) === 0) {
      writes.add(keyStamp, INSERT, id, key, value)
    } else {
      if (key !== undefined) writes.add(keyStamp, MOVE, id, key)
      if (value !== undefined) writes.add(valueStamp, SET, id, value)
    }
  }
  return writes.distilled((entries) => entries)
}
