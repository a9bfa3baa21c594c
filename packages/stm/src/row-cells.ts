import { Cell, type CellFamily } from './cells.ts'
import type { Born } from './policy.ts'
import { lowerBound } from './sorted.ts'
import { areMemberIds } from './ref.ts'

/** Lays rows as cells of a family. False, and nothing is done, where their ids do not ascend, from row to row and behind those that were laid before, are no ids of members, or one of them has a cell. */
export function layRows(family: CellFamily, ids: readonly string[], born: Born<unknown>): boolean {
  if (family.rows === undefined) {
    const rows = new RowCells(family)
    family.replace(rows)
    family.rows = rows
  }
  return family.rows.lay(ids, born)
}

/** Rows that were laid at once, and where the first of them is among all. */
interface Block {
  readonly start: number
  readonly born: Born<unknown>
}

/**
 * The cells of a family that has come as rows. A row has no cell before somebody looks for it: until then there is nothing of it but its id and what is behind it, and it is in every version what it was
 * when it was laid. Ids ascend, so one is found by halving; who goes through them in order finds each beside the last.
 */
export class RowCells extends Map<string, Cell> {
  readonly #family: CellFamily
  readonly #ids: string[] = []
  readonly #blocks: Block[] = []
  /** Rows that have a cell of their own, or had one. */
  readonly #taken = new Set<number>()
  /** Where the last row was that somebody looked for, and which block has it. */
  #at = -1
  #block = 0

  /** Cells that the family has already are its own. */
  constructor(family: CellFamily) {
    super()
    this.#family = family
    for (const [id, cell] of family.cells) super.set(id, cell)
  }

  lay(ids: readonly string[], born: Born<unknown>): boolean {
    let last = this.#ids.at(-1) ?? ''
    for (const id of ids) {
      if (id <= last) return false
      last = id
    }
    if (!areMemberIds(ids) || (super.size > 0 && ids.some((id) => super.has(id)))) return false
    this.#blocks.push({ start: this.#ids.length, born })
    for (const id of ids) this.#ids.push(id)
    return true
  }

  /** The ids of the rows that have no cell, ascending. */
  get left(): readonly string[] {
    return this.#taken.size === 0 ? this.#ids : this.#ids.filter((_, row) => !this.#taken.has(row))
  }

  /** Where the row of an id is that has no cell; -1 where there is none. */
  rowOf(id: string): number {
    const row = this.#find(id)
    return row === -1 || this.#taken.has(row) ? -1 : row
  }

  /** What a row reads, where that is known without its state. */
  valueAt(row: number): unknown {
    const { start, born } = this.#blockOf(row)
    return born.value?.(row - start)
  }

  /** How many cells and rows there are. */
  override get size(): number {
    return super.size + this.#ids.length - this.#taken.size
  }

  /** The cell of an id, to be looked at: that of a row goes as it came. */
  look(id: string): Cell | undefined {
    const row = this.rowOf(id)
    return row === -1 ? super.get(id) : this.#cellOf(row)
  }

  /** The cells that are cells, without those that are rows. */
  made(): MapIterator<Cell> {
    return super.values()
  }

  /** The cell of an id. That of a row is there from now on. */
  override get(id: string): Cell | undefined {
    const known = super.get(id)
    if (known !== undefined) return known
    const row = this.rowOf(id)
    if (row === -1) return undefined
    const cell = this.#cellOf(row)
    this.#taken.add(row)
    super.set(id, cell)
    return cell
  }

  /** All cells: rows first, ascending. What is given of a row that has none is to be looked at, and not the cell that somebody writes. */
  override *values(): MapIterator<Cell> {
    for (let row = 0; row < this.#ids.length; row++) {
      const cell = this.#taken.has(row) ? super.get(this.#ids[row]!) : this.#cellOf(row)
      if (cell !== undefined) yield cell
    }
    for (const [id, cell] of super.entries()) if (this.#find(id) === -1) yield cell
  }

  override *[Symbol.iterator](): MapIterator<[string, Cell]> {
    for (const cell of this.values()) yield [cell.id, cell]
  }

  #cellOf(row: number): Cell {
    const cell = new Cell(this.#family, this.#ids[row]!)
    const { start, born } = this.#blockOf(row)
    cell.state = born.state(row - start)
    return cell
  }

  #find(id: string): number {
    const ids = this.#ids
    if (ids[this.#at + 1] === id) return (this.#at += 1)
    const row = lowerBound(ids, id)
    return ids[row] === id ? (this.#at = row) : -1
  }

  #blockOf(row: number): Block {
    const blocks = this.#blocks
    if (this.#isIn(this.#block, row)) return blocks[this.#block]!
    this.#block += 1
    if (!this.#isIn(this.#block, row)) this.#block = blocks.findLastIndex(({ start }) => start <= row)
    return blocks[this.#block]!
  }

  // Not a closure: one would be made for each row that is read.
  #isIn(block: number, row: number): boolean {
    const blocks = this.#blocks
    return block < blocks.length && blocks[block]!.start <= row && row < (blocks[block + 1]?.start ?? Infinity)
  }
}
