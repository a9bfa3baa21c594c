import type { Value } from './value.ts'

/** What a Yjs client has written: units that follow each other, from a clock on. */
export interface Units {
  readonly client: number
  readonly clock: number
  readonly length: number
}

/** Units that stand under another client now, from another clock on. */
export interface Renamed extends Units {
  readonly to: { readonly client: number; readonly clock: number }
}

/**
 * How a policy on Yjs says the same under other client ids. Two who write under one id never agree again, so one of them has to write under
 * another what nobody has taken yet. Pure; what makes no sense is given back as it is.
 */
export interface Renaming {
  /** What was written in a payload, in the order in which it stands there. */
  written(payload: Value): readonly Units[]
  /** All clients that a payload is about: who has written in it, and what it builds on and deletes. None of them can stand in the place of another. */
  clients(payload: Value): Iterable<number>
  /** The payload with all that has another name now under that, and with as many stretches as before in the same order. */
  payload(payload: Value, renamed: readonly Renamed[]): Value
  /** The same for what the reversal has given as `inverse`, */
  inverse(inverse: Value, renamed: readonly Renamed[]): Value
  /** and as `restored`. */
  restored(restored: Value, renamed: readonly Renamed[]): Value
  /**
   * Whether the order of others beside this payload counts: what comes before it is taken in otherwise than what comes after it. That is decided by the order of the
   * relay. Absent: none is so.
   */
  divides?(payload: Value): boolean
}
