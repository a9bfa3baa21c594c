import type { Arbiter } from './change.ts'
import type { Location } from './location.ts'
import { cellKey, prefixIn, type CellKey } from './ref.ts'
import type { RowCells } from './row-cells.ts'

/** What is here or away as a whole: the members of a collection, by what their keys begin with, or a ref that is in none, by its key. */
export type Portion = string

/** Where the newest state of one key is. Whoever has it need not look for it again. */
export class Cell {
  readonly family: CellFamily
  /** The rest of its key, after what all of its family begin with. */
  readonly id: string
  /** Undefined while nobody has written. */
  state: unknown
  /** The number of the version that was last to write it, or was about to: no version from this one on holds another state. */
  writtenIn: number
  /** Where it is among the cells that this version wrote; {@link GONE} when it is not the cell of its key any more. */
  place: number

  constructor(family: CellFamily, id: string) {
    this.family = family
    this.id = id
    this.state = undefined
    this.writtenIn = -1
    this.place = 0
  }

  /** Put together when it is asked for: to look for a text that was put together costs more than all else that a write needs. */
  get key(): CellKey {
    return this.family.prefix + this.id
  }
}

/** The place of a cell that was taken away. */
export const GONE = -1

/** The cells whose keys begin alike: the members of one collection; all that are in none. */
export class CellFamily {
  /** Ends with a slash, and is empty for those that are in no collection. */
  readonly prefix: string
  cells: Map<string, Cell>
  /** The same, where they have come as rows. */
  rows: RowCells | undefined

  constructor(prefix: string) {
    this.prefix = prefix
    this.cells = new Map()
    this.rows = undefined
  }

  /** Has other cells in place of those that it had. */
  replace(cells: Map<string, Cell>): void {
    this.cells = cells
    this.rows = undefined
  }
}

/** All cells of a memory, by family and id. */
export class Cells {
  readonly #families = new Map<string, CellFamily>()
  /** Those that are in no collection. */
  readonly #single = new CellFamily('')
  /** The family that was asked for last: mostly it is asked for again. */
  #last: CellFamily = this.#single
  /** Which operations are on its cells. */
  #lastTag = ''
  #lastArbiter: Arbiter = 'local'
  #lastAddress = ''

  constructor() {
    this.#families.set('', this.#single)
  }

  find(key: CellKey): Cell | undefined {
    const prefix = prefixIn(key)
    return this.#families.get(prefix)?.cells.get(prefix === '' ? key : key.slice(prefix.length))
  }

  /** The cell of a key, made when there is none. One that is left without a state is as if it were not there. */
  make(key: CellKey): Cell {
    const prefix = prefixIn(key)
    return cellIn(this.makeFamily(prefix), prefix === '' ? key : key.slice(prefix.length))
  }

  findAt(location: Location): Cell | undefined {
    if (location.home === this && location.cell!.place !== GONE) return location.cell
    const cell = this.#families.get(location.prefix)?.cells.get(location.id)
    return cell === undefined ? undefined : this.#remember(location, cell)
  }

  makeAt(location: Location): Cell {
    if (location.home === this && location.cell!.place !== GONE) return location.cell!
    return this.#remember(location, cellIn(this.makeFamily(location.prefix), location.id))
  }

  /** The cell that an operation is on, made when there is none. */
  makeOn(tag: string, address: string, arbiter: Arbiter): Cell {
    const known = this.#lastAddress
    if (known !== '' && this.#lastTag === tag && this.#lastArbiter === arbiter && address.startsWith(known)) {
      return cellIn(this.#last, address.slice(known.length))
    }
    const slash = address.indexOf('/') + 1
    if (slash === 0) return cellIn(this.#single, cellKey(tag, address, arbiter))
    return this.makeBeside(tag, arbiter, address.slice(0, slash), address.slice(slash))
  }

  /** The same, where it is known what the address begins with up to its first slash, and what the rest is. */
  makeBeside(tag: string, arbiter: Arbiter, collection: string, id: string): Cell {
    if (this.#lastAddress !== collection || this.#lastTag !== tag || this.#lastArbiter !== arbiter) {
      this.makeFamily(cellKey(tag, collection, arbiter))
      this.#lastTag = tag
      this.#lastArbiter = arbiter
      this.#lastAddress = collection
    }
    return cellIn(this.#last, id)
  }

  /** The cell of a family, made when there is none. */
  makeIn(family: CellFamily, id: string): Cell {
    return cellIn(family, id)
  }

  findBeside(tag: string, arbiter: Arbiter, collection: string, id: string): Cell | undefined {
    const isLast = this.#lastAddress === collection && this.#lastTag === tag && this.#lastArbiter === arbiter
    return (isLast ? this.#last : this.#families.get(cellKey(tag, collection, arbiter)))?.cells.get(id)
  }

  remove(cell: Cell): void {
    // A cell that has its place is the one of its key.
    if (cell.place === GONE) return
    cell.place = GONE
    cell.family.cells.delete(cell.id)
  }

  family(prefix: string): CellFamily | undefined {
    return this.#families.get(prefix)
  }

  member(prefix: string, id: string): Cell | undefined {
    const { prefix: last, cells } = this.#last
    return last === prefix ? cells.get(id) : this.#families.get(prefix)?.cells.get(id)
  }

  families(): Iterable<CellFamily> {
    return this.#families.values()
  }

  /** Those that are here. */
  *[Symbol.iterator](): Iterable<Cell> & Iterator<Cell> {
    for (const { cells } of this.#families.values()) {
      // Not by its values: of what is away nobody asks for these unpunished.
      for (const [, cell] of cells) if (cell.place !== GONE) yield cell
    }
  }

  /** The family of a prefix, made when there is none. */
  makeFamily(prefix: string): CellFamily {
    if (this.#last.prefix === prefix) return this.#last
    let family = this.#families.get(prefix)
    if (family === undefined) this.#families.set(prefix, (family = new CellFamily(prefix)))
    this.#last = family
    this.#lastAddress = ''
    return family
  }

  #remember(location: Location, cell: Cell): Cell {
    location.home = this
    location.cell = cell
    return cell
  }
}

function cellIn(family: CellFamily, id: string): Cell {
  let cell = family.cells.get(id)
  if (cell === undefined) family.cells.set(id, (cell = new Cell(family, id)))
  return cell
}
