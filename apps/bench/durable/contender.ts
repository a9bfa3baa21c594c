import type { Row } from '../records/rows.ts'

/** A table that a page keeps in this browser. */
export interface Opened {
  /** Adds rows, in one transaction. */
  fill(rows: readonly Row[]): void
  /** Gives one row's `votes` a new value: an edit of a person, and a transaction of its own. */
  edit(id: string, votes: number): void
  /** Types a character at the end of a text: a transaction of its own. Of those that have texts to be merged. */
  type?(character: string): void
  /** Resolves when all of it is stored: who kills the page now loses nothing. */
  durable(): Promise<void>
  /** How many rows there are, and the sum of their `votes`: everything has been read. */
  read(): Totals
  /** Lets go of the database, with nothing under way. */
  close(): Promise<void>
}

/** What a table adds up to, and the text beside it. */
export interface Totals {
  /** How long the text is, of who has one. */
  readonly characters?: number
  readonly rows: number
  readonly votes: number
}

/** A library, or a way to use IndexedDB by hand, as its documentation shows it. */
export interface Contender {
  readonly name: string
  /** Whether `open` makes something that is stored; not of those that show what the same costs in memory. */
  readonly isStored: boolean
  /** Whether it is quick enough to be asked for ten times as many edits. */
  readonly isQuick?: boolean
  /** Opens the database called `name`, or makes it. Resolves when its rows can be read. */
  open(name: string): Promise<Opened>
}

/** Adds up rows. */
export function totalsOf(rows: Iterable<Pick<Row, 'votes'>>): Totals {
  let [count, votes] = [0, 0]
  for (const row of rows) {
    count += 1
    votes += row.votes
  }
  return { rows: count, votes }
}
