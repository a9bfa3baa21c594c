import type { Counterexample } from './counterexample.ts'

/** What a {@link SimulationError} can be about. Identify errors by `code`: two copies of a package have two classes. */
export type SimulationErrorCode =
  /** The system that was simulated broke a promise; `failure` says which. */
  | 'failed'
  /** What was asked for cannot be simulated. */
  | 'invalid-simulation'
  /** What proves nothing: no action has written anything in it. */
  | 'nothing-happened'

/** A simulation found something, or cannot be run. */
export class SimulationError extends Error {
  readonly code: SimulationErrorCode
  /** What an explorer found, when it is that which failed. */
  readonly counterexample: Counterexample | undefined

  constructor(
    code: SimulationErrorCode,
    message: string,
    options?: ErrorOptions & { readonly counterexample?: Counterexample },
  ) {
    super(message, options)
    this.name = 'SimulationError'
    this.code = code
    this.counterexample = options?.counterexample
  }
}
