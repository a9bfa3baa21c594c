/** A promise that was broken. */
export interface Failure {
  /** Which of the checks found it. */
  readonly check: CheckName
  /** What was found, with values. */
  readonly message: string
  readonly cause?: unknown
}

/** What every run is checked for. */
export type CheckName =
  /** All replicas read the same, at the same basis, and encode to the same bytes, when everything has come to rest. */
  | 'convergence'
  /** What was told durable or synced is there in the end, once, or was refused and is kept. */
  | 'nothing-lost'
  /** After a crash there is a prefix of what a tab had committed, in whole Changes. */
  | 'prefix'
  /** Nobody sees a Change before what its author had seen. */
  | 'causality'
  /** A Change is seen whole, or not at all. */
  | 'atomicity'
  /** What transactions read and wrote could have been one after the other, for each browser and the relay: each after those that had committed before it began. */
  | 'serializability'
  /** An invariant of the app. */
  | 'invariant'
  /** Everything comes to rest when nothing is wrong any more. */
  | 'progress'
  /** When all is closed nothing is held: no timer, connection, lock, channel, listener. */
  | 'leak'
  /** Nothing throws, and no store reports an error. */
  | 'error'
