import type { Arbiter, Op, Stamp } from './change.ts'
import type { Changed } from './changed.ts'
import type { Policy } from './policy.ts'
import { cellKey, type CellKey } from './ref.ts'
import type { Past, Reversal, Undone } from './reversal.ts'
import { cellKeyOf } from './sealed-op.ts'
import type { Value } from './value.ts'

/** What is kept of an operation so that it can be taken back. */
export interface Inverse {
  readonly tag: string
  readonly address: string
  readonly arbiter: Arbiter
  /** Null when the policy cannot take it back. */
  readonly inverse: Value | null
}

/** Where the states of cells are, and the policies that made them: a memory, or the memory as it will be. */
export interface Cells {
  state(key: CellKey): unknown
  policy(tag: string): Policy | undefined
}

/** One Change that is to be taken back. */
export interface UndoneChange {
  /** The stamp that it has now. */
  readonly stamp: Stamp
  /** The stamp of its operations on `relay` refs, if it has some: its place in the relay's log. */
  readonly ordered?: Stamp | undefined
  readonly inverses: readonly Inverse[]
}

/** A part of a ref that was not taken back. */
export interface LeftPart {
  /** The key of the ref: compare it with `ref.key`. */
  readonly key: CellKey
  readonly tag: string
  readonly address: string
  /** The name of a field, the id of an item; `''` for the whole ref. */
  readonly part: string
}

/** What it takes to take Changes back. */
export interface TakenBack {
  /** The operations of the Change that does it; none when there is nothing to do. */
  readonly ops: readonly Op[]
  /** For each operation, what it puts back: `Past.restored` is to say so of its stamp from then on. */
  readonly restored: readonly Value[]
  /** What others have written since. */
  readonly superseded: readonly LeftPart[]
  /** What cannot be taken back. */
  readonly irreversible: readonly LeftPart[]
}

/** What is known of a cell's Changes that took others back. */
export type PastOf = (key: CellKey) => Past

/**
 * What it takes to take back operations that are about to be applied to these cells, or were just applied and gave `changed`: a function that
 * gives one inverse for each, in their order, and may be called at leisure. Until then it holds the states that they replace. Undefined when
 * none can be taken back. Cost: a look-up for each operation, or a comparison when they were applied; what they write and replace later.
 *
 * @example
 * import { createMemory, emptyBasis, invert, noPast, takeBack } from '@syncline/stm'
 *
 * const score = tally('score')
 * const memory = createMemory()
 * memory.adopt(score.policy)
 * const op = { tag: 'tally', address: 'score', arbiter: 'local', payload: 5 } as const
 * const inverses = invert(memory, [op], () => noPast)
 * memory.apply([op], { at: 1, writer: 'w1' }, emptyBasis)
 *
 * const { ops } = takeBack(memory, [{ stamp: { at: 1, writer: 'w1' }, inverses: inverses!() }], () => noPast)
 * memory.apply(ops, { at: 2, writer: 'w1' }, emptyBasis)
 * expect(memory.snapshot.get(score)).toBe(0)
 */
export function invert(
  cells: Cells,
  ops: readonly Op[],
  pastOf: PastOf,
  changed?: Changed,
): (() => readonly Inverse[]) | undefined {
  if (!isReversible(cells, ops)) return undefined
  let inverses: readonly Inverse[] | undefined
  let befores: readonly unknown[] | undefined =
    changed === undefined ? ops.map((op) => cells.state(cellKeyOf(op))) : replacedBy(cells, ops, changed)
  return () => {
    inverses ??= ops.map((op, i) => {
      const { tag, address, arbiter, payload } = op
      const reversal = reversalOf(cells, tag)
      const inverse = reversal === 'none' ? undefined : reversal.inverse(befores![i], payload, pastOf(cellKeyOf(op)))
      return { tag, address, arbiter, inverse: inverse ?? null }
    })
    befores = undefined
    return inverses
  }
}

/** How many of the operations changed cells one after the other. Nothing comes after its loop: see `Versions`. */
function inOrder(ops: readonly Op[], changed: Changed): number {
  let i = 0
  for (const key of changed) if (i < ops.length && cellKeyOf(ops[i]!) === key) i += 1
  return i
}

/** What each operation replaced. One that changed nothing has left what is there now. */
function replacedBy(cells: Cells, ops: readonly Op[], changed: Changed): readonly unknown[] {
  // What transactions do changes one cell after the other, and collections and lists after them.
  if (inOrder(ops, changed) === ops.length) return changed.befores
  const befores = new Map(Array.from(changed, (key, at) => [key, changed.befores[at]]))
  return ops.map((op) => {
    const key = cellKeyOf(op)
    return befores.has(key) ? befores.get(key) : cells.state(key)
  })
}

/**
 * Whether some of these operations can be taken back.
 *
 * @example
 * import { createMemory, isReversible } from '@syncline/stm'
 *
 * const memory = createMemory()
 * memory.adopt(tally('score').policy)
 * const op = { tag: 'tally', address: 'score', arbiter: 'local', payload: 5 } as const
 * expect(isReversible(memory, [op])).toBe(true)
 */
export function isReversible(cells: Cells, ops: readonly Op[]): boolean {
  return ofSome(ops, (tag) => reversalOf(cells, tag) !== 'none')
}

/**
 * Whether the states that operations replace may be much larger than what it takes to take these back.
 *
 * @example
 * import { createMemory, isHeavyToHold } from '@syncline/stm'
 *
 * const memory = createMemory()
 * memory.adopt(tally('score').policy)
 * const op = { tag: 'tally', address: 'score', arbiter: 'local', payload: 5 } as const
 * expect(isHeavyToHold(memory, [op])).toBe(true) // it does not say that it is small
 */
export function isHeavyToHold(cells: Cells, ops: readonly Op[]): boolean {
  return ofSome(ops, (tag) => {
    const reversal = reversalOf(cells, tag)
    return reversal !== 'none' && reversal.isSmall !== true
  })
}

/** Whether something is so of the tag of an operation; those of one tag mostly come together. */
function ofSome(ops: readonly Op[], isSo: (tag: string) => boolean): boolean {
  let known: string | undefined
  for (const { tag } of ops) {
    if (tag === known) continue
    if (isSo(tag)) return true
    known = tag
  }
  return false
}

function reversalOf(cells: Cells, tag: string): Reversal | 'none' {
  return cells.policy(tag)?.reversal ?? 'none'
}

/**
 * The operations that take Changes back, given the newest Change first. Nothing is applied. Never throws. Cost: what the Changes wrote.
 *
 * @example
 * import { createMemory, emptyBasis, invert, noPast, takeBack } from '@syncline/stm'
 *
 * const score = tally('score')
 * const memory = createMemory()
 * memory.adopt(score.policy)
 * const undone = [1, 2].map((at) => {
 *   const op = { tag: 'tally', address: 'score', arbiter: 'local', payload: at } as const
 *   const inverses = invert(memory, [op], () => noPast)
 *   memory.apply([op], { at, writer: 'w1' }, emptyBasis)
 *   return { stamp: { at, writer: 'w1' }, inverses: inverses!() }
 * })
 * const { ops, superseded } = takeBack(memory, undone.reverse(), () => noPast)
 * expect(ops.map(({ payload }) => payload)).toEqual([-3])
 * expect(superseded).toEqual([])
 */
export function takeBack(cells: Cells, undone: readonly UndoneChange[], pastOf: PastOf): TakenBack {
  const byCell = new Map<CellKey, { readonly first: Inverse; readonly undone: Undone[] }>()
  const irreversible = new Map<CellKey, LeftPart>()
  for (const { stamp: own, ordered, inverses } of undone) {
    for (const one of inverses) {
      const { tag, address, arbiter, inverse } = one
      const stamp = arbiter === 'relay' ? (ordered ?? own) : own
      const key = cellKey(tag, address, arbiter)
      if (inverse === null) irreversible.set(key, { key, tag, address, part: '' })
      else {
        const cell = byCell.get(key)
        if (cell === undefined) byCell.set(key, { first: one, undone: [{ inverse, stamp }] })
        else cell.undone.push({ inverse, stamp })
      }
    }
  }
  const ops: Op[] = []
  const restored: Value[] = []
  const superseded: LeftPart[] = []
  for (const [key, { first, undone: ofCell }] of byCell) {
    const { tag, address, arbiter } = first
    const reversal = reversalOf(cells, tag)
    if (reversal === 'none') {
      irreversible.set(key, { key, tag, address, part: '' })
      continue
    }
    const reverted = reversal.revert(cells.state(key), ofCell, pastOf(key))
    for (const part of reverted.superseded) superseded.push({ key, tag, address, part })
    if (reverted.payload === undefined) continue
    ops.push({ tag, address, arbiter, payload: reverted.payload })
    restored.push(reverted.restored)
  }
  return { ops, restored, superseded, irreversible: [...irreversible.values()] }
}
