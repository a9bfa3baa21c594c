import type { Cell, Cells } from './cells.ts'

/** In which family a cell is and under which id; and the cell itself, once it was looked up. Each ref has one. */
export class Location {
  readonly prefix: string
  readonly id: string
  /** Whose cell it is that is remembered. */
  home: Cells | undefined
  cell: Cell | undefined

  constructor(prefix: string, id: string) {
    this.prefix = prefix
    this.id = id
    this.home = undefined
    this.cell = undefined
  }
}
