/** Rows that the tabs of one browser share, as one of them has them. */
export interface OpenTab {
  /** Adds a row, which says when that was: a transaction of its own. Resolves when it is stored. */
  write(id: string, atMs: number): Promise<void>
}

/** A library, or a way to do it by hand, as its documentation shows it. */
export interface Contender {
  readonly name: string
  /** Whether what is written is stored; not of what only shows what a message between tabs costs. */
  readonly isStored: boolean
  /** Opens what all tabs of this origin share. `onRow` is told of each row that appears in this tab, whoever has written it. */
  open(onRow: (id: string, atMs: number) => void): Promise<OpenTab>
}
