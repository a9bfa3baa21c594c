/** What a {@link ReactBindingError} can be about. Identify errors by `code`: two copies of a package have two classes. */
export type ReactBindingErrorCode =
  /** A hook was called in a component that is not inside a `SynclineProvider`. */
  | 'no-provider'
  /** A `SynclineProvider` was given something that is neither a store nor a promise of one. */
  | 'no-store'
  /** A hook is about a part that the store was opened without. */
  | 'no-part'

/** The hooks cannot do what was asked. The message says what happened and what to do. */
export class ReactBindingError extends Error {
  readonly code: ReactBindingErrorCode

  constructor(code: ReactBindingErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ReactBindingError'
    this.code = code
  }
}
