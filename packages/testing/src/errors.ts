/** What a {@link TestingError} can be about. Identify errors by `code`: two copies of a package have two classes. */
export type TestingErrorCode =
  /** The history cannot be what somebody recorded, or does not say enough to be judged. */
  | 'malformed-history'
  /** The history holds no conflict between two transactions that succeeded, so it would pass whatever the system did. */
  | 'nothing-checked'

/** A history that proves nothing. What is wrong with the system that was recorded is no error but an `Anomaly`. */
export class TestingError extends Error {
  readonly code: TestingErrorCode

  constructor(code: TestingErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'TestingError'
    this.code = code
  }
}
