import type { Epoch } from '@syncline/stm'
import type { Hole } from '../lmdb-file.ts'

/** What there is of a space in a data folder. */
export interface SpaceReport {
  readonly space: string
  /** How many Changes its log has, by its entry. */
  readonly changes: number
  /** The bytes of those that can be read. */
  readonly sizeBytes: number
  /** Runs of the relay that have written to it. */
  readonly epochs: number
  /** Writers that ever wrote to it, or were refused. */
  readonly writers: number
  /** The greatest stamp in it, in microseconds since 1970; 0 when it is empty. */
  readonly latestAt: number
  /** What clients have brought back of `relay` refs, where it may be adopted. */
  readonly unadopted: Unadopted | undefined
}

/** What may be adopted of a space. */
export interface Unadopted {
  /** Where it stands in the log: its last piece. */
  readonly joinedAt: number
  /** Of which epoch, and up to where, it is. */
  readonly epoch: Epoch
  readonly relaySeq: number
  /** How many `relay` refs it has. */
  readonly refs: number
  /** How many Changes on `relay` refs this log has accepted that it has not seen. */
  readonly decidedSince: number
  /** Whether nothing more is decided before somebody adopts; otherwise it came after that was done. */
  readonly isAwaited: boolean
}

/** Something that is not as it was written. */
export interface Finding {
  /** Undefined when it is about the folder. */
  readonly space: string | undefined
  /** The first Change that it is about, if it is about one. */
  readonly relaySeq: number | undefined
  readonly message: string
}

/** What there is in a data folder, and what is wrong with it. */
export interface DataReport {
  /** By name. */
  readonly spaces: readonly SpaceReport[]
  /** Of each space the first ten. */
  readonly findings: readonly Finding[]
}

/** A hole, for people. */
export function wordsOf({ table, page, why }: Hole): string {
  return `Page ${page} of the file, of "${table}", ${why}. What stood there cannot be read.`
}
