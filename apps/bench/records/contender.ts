import type { Column, Row } from './rows.ts'

/** What one replica sends to the others after a transaction. */
export type Update = Uint8Array | string

/** One cell of the table that is written. */
export interface CellWrite {
  readonly id: string
  readonly column: Column
  readonly value: string | number | boolean
}

/** One replica: keys with numbers, and a table, that several may write at the same time. Each write is one transaction. */
export interface Replica {
  setKeys(entries: readonly (readonly [string, number])[]): Update
  setKey(key: string, value: number): Update
  eachKey(visit: (key: string, value: number) => void): void

  insertRows(rows: readonly Row[]): Update
  setCells(writes: readonly CellWrite[]): Update
  eachRow(visit: (row: Row) => void): void

  /** Takes what another replica has sent. */
  apply(update: Update): void
  /** All of it, as it is stored. */
  save(): Update
  /** How many bytes have to be kept of all that was written, at least. */
  keptBytes(): number
  /** Waits until what was written is where it is to be: for those that write later. */
  settled?(): Promise<unknown>
}

/** A library that is measured, in the way that its own documentation shows. */
export interface Contender {
  readonly name: string
  /** What it cannot do is not measured. */
  readonly lacks?: readonly (keyof Replica | 'load')[]
  open(writer: number): Replica | Promise<Replica>
  load(saved: Update, writer: number): Replica | Promise<Replica>
}
