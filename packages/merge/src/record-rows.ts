import { columnsIn, type Born, type DistilledRows, type Stamp, type Value } from '@syncline/stm'
import type { RecordSpec } from './fields.ts'
import { CREATE, SET, WRITE } from './record-op.ts'
import { isWholeIn, RecordState } from './record-state.ts'
import { DATA, noFields, type Shape } from './shape.ts'

/**
 * The states of records that were created, and then written to in fields of their own, each in one go: undefined for what has come otherwise. Where `spec` says who
 * will read them, each row takes no more than its value; all else is found once.
 */
export function bornRecords(rows: DistilledRows, spec?: RecordSpec): Born<RecordState> | undefined {
  const { ids, like, stamps, columns } = rows
  const [birth] = like
  if (birth === undefined || birth[0] !== CREATE || !isIncarnation(birth[1]) || ids.length === 0) return undefined
  let shape = noFields
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
  if (columns.length === 0) return undefined
  const born: Births = { incarnation: birth[1], shape, stamps, writtenBy }
  if (spec === undefined || !isWholeIn(shape, spec) || spec.byName.has(UNUSUAL)) return withValues(born, columns)
  return withViews(born, viewsOf(shape, columns, ids.length, spec), spec)
}

/** The name of a field that cannot be assigned to. */
const UNUSUAL = '__proto__'

/** What rows have in common. */
interface Births {
  readonly incarnation: number
  readonly shape: Shape
  /** By operation, and by row. */
  readonly stamps: DistilledRows['stamps']
  /** Of each slot, which operation has written it. */
  readonly writtenBy: readonly number[]
}

// Two functions, because what one closure of a function needs is kept by all of them.

function withValues(births: Births, columns: DistilledRows['columns']): Born<RecordState> {
  const { incarnation, shape, stamps } = births
  return {
    state(row) {
      const values = shape.blank.slice()
      for (let slot = 0; slot < columns.length; slot++) values[slot] = columns[slot]![row]
      const stamp = stamps[0]![row]!
      return new RecordState(incarnation, stamp, undefined, shape, values, stamp, stampsOf(births, row), undefined)
    },
  }
}

function withViews(births: Births, views: readonly unknown[], spec: RecordSpec): Born<RecordState> {
  const { incarnation, shape, stamps } = births
  return {
    state: (row) => RecordState.shown(incarnation, stamps[0]![row]!, shape, stampsOf(births, row), spec, views[row]),
    value: (row) => views[row],
  }
}

/** The stamps by slot; undefined where all are that of the creation. */
function stampsOf({ stamps, writtenBy }: Births, row: number): readonly Stamp[] | undefined {
  return stamps.length === 1 ? undefined : writtenBy.map((op) => stamps[op]![row]!)
}

/** What `RecordState.view` gives of states of one shape, with these values. */
function viewsOf(
  shape: Shape,
  columns: readonly (readonly Value[])[],
  count: number,
  { fields }: RecordSpec,
): readonly unknown[] {
  const plan = shape.plan(fields)
  const names: string[] = []
  const found: (readonly unknown[])[] = []
  for (const { name, index, initial } of fields) {
    const slot = plan[index]!
    if (slot < 0 && initial === undefined) continue
    names.push(name)
    found.push(slot < 0 ? Array.from({ length: count }, () => initial) : columns[slot]!)
  }
  // What JSON gives has room for just its fields, and so has a copy. What grows name by name grows in jumps, and leaves as much again behind.
  const blank: Record<string, unknown> = JSON.parse(`{${names.map((name) => `${JSON.stringify(name)}:null`).join()}}`)
  const views: unknown[] = []
  for (let row = 0; row < count; row++) {
    const view = { ...blank }
    for (let i = 0; i < names.length; i++) view[names[i]!] = found[i]![row]
    views.push(Object.freeze(view))
  }
  return views
}

function isIncarnation(value: Value | undefined): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 1
}
