import type { Op, Transaction } from '../src/index.ts'

/** A hand-made transaction: all at the same time and committed, unless it says otherwise. */
export function committed<O extends Op>(...ops: readonly O[]): Transaction<O> {
  processes += 1
  return { process: processes, invoked: 1, completed: 1000, outcome: 'ok', ops }
}

let processes = 0

export function failed<O extends Op>(...ops: readonly O[]): Transaction<O> {
  return { ...committed(...ops), outcome: 'fail' }
}

export function unknown<O extends Op>(...ops: readonly O[]): Transaction<O> {
  const { process, invoked } = committed()
  return { process, invoked, outcome: 'info', ops }
}

/** The same transaction, run from one moment to another. */
export function during<O extends Op>(invoked: number, completed: number, transaction: Transaction<O>): Transaction<O> {
  return { ...transaction, invoked, completed }
}

export function by<O extends Op>(process: string, transaction: Transaction<O>): Transaction<O> {
  return { ...transaction, process }
}
