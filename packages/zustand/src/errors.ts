/** What a {@link ZustandBindingError} can be about. Identify errors by `code`: two copies of a package have two classes. */
export type ZustandBindingErrorCode =
  /** `setState` names a key that the shape does not have. */
  | 'unknown-key'
  /** `setState` would write what is not written by replacing a value: a collection, a list, a whole snapshot. */
  | 'read-only'
  /** `setState` with `replace` leaves out a key; what the shape names cannot be taken away. */
  | 'missing-key'
  /** `setState` got something that is not a state or a part of one. */
  | 'invalid-state'

/** A write by way of zustand cannot be done. Nothing has happened: no part of it is visible anywhere. */
export class ZustandBindingError extends Error {
  readonly code: ZustandBindingErrorCode

  constructor(code: ZustandBindingErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ZustandBindingError'
    this.code = code
  }
}
