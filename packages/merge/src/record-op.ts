/**
 * Operations of records: `[CREATE, incarnation, …entries]`, `[WRITE, incarnation, …entries]`, `[DELETE, incarnation]`, and
 * `[YIELD, incarnation, …what it has seen]`: a delete that yields to what it had not seen.
 */
export const CREATE = 1
export const WRITE = 2
export const DELETE = 3
export const YIELD = 4

/**
 * Entries of operations, three items each: `kind, name, value`. A cleared register carries null, a place `[parent, key]` or null. Those that
 * write inside of a register are `SET_AT` and the like.
 */
export const SET = 0
export const CLEAR = 1
export const ADD = 2
export const PUT = 3
