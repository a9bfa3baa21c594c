import type { Cell, CellFamily } from './cells.ts'
import type { Arbiter, Op } from './change.ts'
import type { UnreadOp } from './memory.ts'
import type { Distilled, Policy } from './policy.ts'
import { isDerived, type CellKey } from './ref.ts'

/** What a log need keep of one cell: operations that make it what it is, in order. A cell that comes more than once has all of them. */
export interface DistilledCell extends Pick<Op, 'tag' | 'address' | 'arbiter'> {
  readonly ops: readonly Distilled[]
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
      for (const cell of all) {
        const { key } = cell
        const held: unknown = inPlaceOf.has(key) ? inPlaceOf.get(key) : state(cell)
        if (held === undefined) continue
        const place = placeOf(key)
        yield { ...place, ops: policyOf(place.tag)!.distill!(held) }
      }
      for (const one of waits) {
        const { tag, address, arbiter, payload } = one.op
        if (counts(one)) yield { tag, address, arbiter, ops: [{ payload, stamp: one.stamp }] }
      }
    },
  }
}

/** Where a cell is, from its key: the tag, with an `@` and the arbiter where that is not this tab, a space, and the address. */
function placeOf(key: CellKey): Pick<Op, 'tag' | 'address' | 'arbiter'> {
  const space = key.indexOf(' ')
  const [tag, arbiter = 'local'] = key.slice(0, space).split('@') as [string, Arbiter?]
  return { tag, address: key.slice(space + 1), arbiter }
}
