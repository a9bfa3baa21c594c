import { GONE, type Cell, type CellFamily } from './cells.ts'
import type { Arbiter, Op, Stamp } from './change.ts'
import type { UnreadOp } from './memory.ts'
import type { Distilled, Policy } from './policy.ts'
import { isDerived, type CellKey } from './ref.ts'
import type { Value } from './value.ts'

/** What a log need keep of one cell: operations that make it what it is, in order. A cell that comes more than once has all of them. */
export interface DistilledCell extends Pick<Op, 'tag' | 'address' | 'arbiter'> {
  readonly ops: readonly Distilled[]
}

/**
 * Cells beside each other of which the same is said but for some scalars, as of the rows of a table: what is alike once, and the rest by column. Each of their
 * operations is two items, and then threes of which the last stands in a column.
 */
export interface DistilledRows extends Pick<Op, 'tag' | 'arbiter'> {
  /** What their addresses begin with; ends with the first slash. */
  readonly prefix: string
  /** The rest of their addresses. */
  readonly ids: readonly string[]
  /** The payloads of each cell, in order, with null in place of what is in a column. */
  readonly like: readonly (readonly Value[])[]
  /** For each of these payloads the stamps, by cell. */
  readonly stamps: readonly (readonly Stamp[])[]
  /** What stands in place of each null, by cell: strings, finite numbers, booleans and null. */
  readonly columns: readonly (readonly Value[])[]
}

/**
 * Whether a column may stand in this place of a payload.
 *
 * @example
 * import { isColumn } from '@syncline/stm'
 *
 * expect([3, 4, 5, 6, 7].filter((place) => isColumn(place))).toEqual([4, 7])
 */
export function isColumn(place: number): boolean {
  return place >= FIRST_COLUMN && (place - FIRST_COLUMN) % COLUMN_STEP === 0
}

/**
 * The places of a payload, of so many items, where a column may stand.
 *
 * @example
 * import { columnsIn } from '@syncline/stm'
 *
 * expect(columnsIn(8)).toEqual([4, 7])
 */
export function columnsIn(length: number): readonly number[] {
  if (length !== lastLength) {
    lastLength = length
    lastPlaces = Array.from({ length }, (_, place) => place).filter(isColumn)
  }
  return lastPlaces
}

/** Of the rows of a table all payloads have one length. */
let lastLength = 0
let lastPlaces: readonly number[] = []

const FIRST_COLUMN = 4
const COLUMN_STEP = 3

/**
 * The cells that rows are, each by itself.
 *
 * @example
 * import { cellsOfRows } from '@syncline/stm'
 *
 * const stamp = { at: 7, writer: 'a' }
 * const like = [[1, 1, 0, 'title', null]]
 * const rows = { tag: 'record', arbiter: 'local', prefix: 'cards/', ids: ['a'], like, stamps: [[stamp]], columns: [['Plan']] } as const
 * const [cell] = cellsOfRows(rows)
 * expect(cell).toMatchObject({ address: 'cards/a', ops: [{ payload: [1, 1, 0, 'title', 'Plan'], stamp }] })
 */
export function* cellsOfRows(rows: DistilledRows): Iterable<DistilledCell> {
  for (let row = 0; row < rows.ids.length; row++) yield cellOfRow(rows, row)
}

/** One of them. */
export function cellOfRow(
  { tag, arbiter, prefix, ids, like, stamps, columns }: DistilledRows,
  row: number,
): DistilledCell {
  let column = 0
  const ops = like.map((payload, op): Distilled => {
    const items = payload.slice()
    for (const place of columnsIn(items.length)) items[place] = columns[column++]![row]!
    return { payload: Object.freeze(items), stamp: stamps[op]![row]! }
  })
  return { tag, address: prefix + ids[row]!, arbiter, ops }
}

/** What is distilled beside the states. */
export interface Distillation {
  /** States that stand in place of those that cells hold. */
  readonly inPlaceOf: ReadonlyMap<CellKey, unknown>
  /** Operations that wait for their policy and count: the others do not. */
  counts(waiting: UnreadOp): boolean
}

/**
 * Cells as they were when this was called, however long it takes to go through them: each is distilled when it is asked for. Undefined when a policy
 * cannot distill.
 */
export function distilledCells(
  cells: Iterable<Cell>,
  state: (cell: Cell) => unknown,
  waiting: Iterable<UnreadOp>,
  policyOf: (tag: string) => Policy | undefined,
  { inPlaceOf, counts }: Distillation,
): Iterable<DistilledCell> | undefined {
  const all: Cell[] = []
  let known: CellFamily | undefined
  for (const cell of cells) {
    // What is not here says nothing, and its policy need not be known.
    if (cell.place === GONE) continue
    // Those of one collection have one policy, and to put a key together for each is most of what a look costs.
    if (cell.family !== known || known.prefix === '') {
      // What follows from others need not be kept.
      if (isDerived(cell.key)) continue
      if (policyOf(placeOf(cell.key).tag)?.distill === undefined) return undefined
      known = cell.family
    }
    all.push(cell)
  }
  const waits = [...waiting]
  return {
    *[Symbol.iterator]() {
      let last: CellFamily | undefined
      let place: ReturnType<typeof placeOf>
      for (const cell of all) {
        const { family, id } = cell
        const held: unknown = inPlaceOf.size > 0 && inPlaceOf.has(cell.key) ? inPlaceOf.get(cell.key) : state(cell)
        if (held === undefined) continue
        const { prefix } = family
        // Of the cells of one collection the addresses begin alike.
        if (family !== last || prefix === '') place = placeOf(prefix || id)
        last = family
        const address = place!.address + (prefix && id)
        yield { ...place!, address, ops: policyOf(place!.tag)!.distill!(held) }
      }
      for (const one of waits) {
        const { tag, address, arbiter, payload } = one.op
        if (counts(one)) yield { tag, address, arbiter, ops: [{ payload, stamp: one.stamp }] }
      }
    },
  }
}

/** Where a cell is, from its key: the tag, with an `@` and the arbiter where that is not this tab, a space, and the address. */
export function placeOf(key: CellKey): Pick<Op, 'tag' | 'address' | 'arbiter'> {
  const space = key.indexOf(' ')
  const [tag, arbiter = 'local'] = key.slice(0, space).split('@') as [string, Arbiter?]
  return { tag, address: key.slice(space + 1), arbiter }
}
