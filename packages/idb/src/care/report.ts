import type { Epoch, WriterId } from '@syncline/stm'

/** What a database holds, and what is wrong with it. */
export interface DatabaseReport {
  /** The version of its format; 0 when there is no such database. */
  readonly format: number
  readonly spaces: readonly SpaceReport[]
  /** Records that cannot be understood, and that whoever opens their space would set aside. */
  readonly damaged: readonly BadRecord[]
  /** Those that were set aside before. */
  readonly aside: readonly BadRecord[]
  /** Whether nothing is damaged or has to be made again, and nothing is missing in any space. What was set aside and has come back from the relay is no fault any more. */
  readonly isSound: boolean
}

/** A record that cannot be understood. */
export interface BadRecord {
  /** The object store in which it was found, and its key there. */
  readonly from: string
  readonly key: IDBValidKey
  /** The space of which it was; empty when that cannot be said. */
  readonly space: string
  readonly reason: string
  /** Whether what it had is made again of others by whoever reads it: nothing is lost with it, and `repairDatabase` puts it back. */
  readonly isRemade?: boolean
}

/** What the log of one space holds. */
export interface SpaceReport {
  readonly space: string
  /** Entries that can be read, and how long they are together. */
  readonly entries: number
  readonly sizeBytes: number
  /** Those of them that newer code has written. */
  readonly newer: number
  /** The relay's log, and up to where it is here without a gap. */
  readonly epoch: Epoch | null
  readonly relaySeq: number
  /** What is missing between that and the last of it that is here: who opens the space asks the relay for it. */
  readonly gaps: readonly Range[]
  /** Changes of this browser that later ones build on and that are not here. What the relay has of them comes back; the others are lost. */
  readonly missing: readonly (Range & { readonly writer: WriterId })[]
  /** Whether a part of it is not there, or damaged, that is made again of others by whoever reads it: nothing is missing because of that, and `repairDatabase` puts it back. */
  readonly isRemade: boolean
  /** Changes of this browser of which it is not known here that the relay has them. */
  readonly pending: number
  /** What the relay was to decide about, and of which it is not known here what became of it. */
  readonly undecided: number
  /** Changes that the relay refused, and that wait for a decision. */
  readonly refused: number
}

/** Numbers from one to another, both included. */
export interface Range {
  readonly from: number
  readonly to: number
}
