import type { Stamp, Value } from '@syncline/stm'

/** Operations of a register: `[SET, value]`, and `[CLEAR, null]`, after which it reads what it starts with. */
export const SET = 0
export const CLEAR = 1

/** The write that stands. */
export interface LwwState {
  /** Undefined when it was cleared. */
  readonly value: Value | undefined
  readonly stamp: Stamp
}
