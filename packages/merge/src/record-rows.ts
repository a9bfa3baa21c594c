import { columnsIn, type DistilledRows, type Stamp, type Value } from '@syncline/stm'
import { CREATE, SET, WRITE } from './record-op.ts'
import { RecordState } from './record-state.ts'
import { DATA, noFields } from './shape.ts'

/**
 * The states of records that were created, and then written to in fields of their own, each in one go: undefined for what has come otherwise. What each row takes is its
 * state and its values; all else is found once.
 */
export function bornRecords({ ids, like, stamps, columns }: DistilledRows): readonly RecordState[] | undefined {
  const [birth] = like
  if (birth === undefined || birth[0] !== CREATE || !isIncarnation(birth[1]) || ids.length === 0) return undefined
  let shape = noFields
  /** Of each slot, which operation has written it. */
  const writtenBy: number[] = []
  for (const [op, payload] of like.entries()) {
    if (op > 0 && (payload[0] !== WRITE || payload[1] !== birth[1])) return undefined
    if (payload.length % 3 !== 2) return undefined
    for (const place of columnsIn(payload.length)) {
      const [entry, name] = [payload[place - 2], payload[place - 1]]
      if (entry !== SET || typeof name !== 'string' || shape.slot(DATA, name) >= 0) return undefined
      shape = shape.with(DATA, name)
      writtenBy.push(op)
    }
  }
  const created = stamps[0]!
  const isAtOnce = like.length === 1
  const slots = columns.length
  if (slots === 0) return undefined
  const incarnation = birth[1]
  return ids.map((_, row) => {
    const values = shape.blank.slice()
    for (let slot = 0; slot < slots; slot++) values[slot] = columns[slot]![row]
    const stamp = created[row]!
    const own = isAtOnce ? undefined : writtenBy.map((op): Stamp => stamps[op]![row]!)
    return new RecordState(incarnation, stamp, undefined, shape, values, stamp, own, undefined)
  })
}

function isIncarnation(value: Value | undefined): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 1
}
