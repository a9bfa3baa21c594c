/** What a {@link RelayError} can be about. Identify errors by `code`: two copies of a package have two classes. */
export type RelayErrorCode =
  /** The data folder cannot be made, read or written. */
  | 'data-unwritable'
  /** Another process, or this one, has the data folder open. */
  | 'data-in-use'
  /** The data folder was written by a newer version of Syncline. */
  | 'data-newer'
  /** The data folder was written by an older version of Syncline, and only a relay that starts on it brings it up to date. */
  | 'data-older'
  /** There is no data where it was to be read. */
  | 'data-missing'
  /** There is data already where it was to be written. */
  | 'data-exists'
  /** Stored bytes are not what was written. */
  | 'damaged'
  /** Something was to be adopted, and nothing waits for that; or something else than was looked at. Nothing has happened. */
  | 'nothing-waits'
  /** What was to be adopted is longer than a record may be. Nothing has happened. */
  | 'too-large'
  /** Somebody else has appended to a log that this relay held. */
  | 'fenced'
  /** The disk did not take, or did not give, what it was asked for. */
  | 'storage-failed'
  /** A limit was set to what cannot be one. */
  | 'invalid-limit'
  /** The port is taken, or may not be listened on. */
  | 'port-unavailable'
  /** Used after it was closed. */
  | 'closed'

/** A relay cannot do what was asked. The message says what happened and what to do. */
export class RelayError extends Error {
  readonly code: RelayErrorCode
  /** With `damaged`: the relaySeq of the first damaged Change, when it is one. */
  readonly relaySeq?: number

  constructor(code: RelayErrorCode, message: string, options?: ErrorOptions & { readonly relaySeq?: number }) {
    super(message, options)
    this.name = 'RelayError'
    this.code = code
    if (options?.relaySeq !== undefined) this.relaySeq = options.relaySeq
  }
}

/** What an error says. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
