/** What an {@link StmError} can be about. Identify errors by `code`: two copies of a package have two classes. */
export type StmErrorCode =
  /** A write holds something that is not a `Value`, or a value its ref does not take. */
  | 'invalid-value'
  /** The ref has no such write: `add` on a register, `insert` on a counter. */
  | 'invalid-write'
  /** A name or member id that cannot be an address. */
  | 'invalid-address'
  /** A write to a member of a collection that does not exist, or was deleted. */
  | 'missing-member'
  /** `create` of a member that exists. */
  | 'member-exists'
  /** A `tx` was used after its body returned or threw. */
  | 'transaction-finished'
  /** A sync body returned a promise. */
  | 'async-body'
  /** A transaction was started inside the body or the commit of another one. */
  | 'nested-transaction'
  /** The encoded Change would be larger than one Change may be. */
  | 'change-too-large'

/** A mistake in how refs or transactions are used. Nothing has happened: no write of the transaction is visible anywhere. */
export class StmError extends Error {
  readonly code: StmErrorCode

  constructor(code: StmErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'StmError'
    this.code = code
  }
}
