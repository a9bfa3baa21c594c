/** What a {@link ProtocolError} can be about. Identify errors by `code`: two copies of a package have two classes. */
export type ProtocolErrorCode =
  /** The bytes end before what they announce. */
  | 'truncated'
  /** The checksum does not fit: the bytes are not what was written. */
  | 'damaged'
  /** The bytes, or what was to be encoded, break a rule of PROTOCOL.md. */
  | 'malformed'
  /** More bytes, or deeper nesting, than a limit of PROTOCOL.md allows. */
  | 'too-large'
  /** Whole and undamaged, and written by a newer version of Syncline. */
  | 'newer-version'
  /** A Change that asks for a check this version does not know. It must be refused, never applied unchecked. */
  | 'unknown-precondition'

/** Bytes that cannot be read, or something that cannot be put into bytes. Nothing else is ever thrown by this package. */
export class ProtocolError extends Error {
  readonly code: ProtocolErrorCode

  constructor(code: ProtocolErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ProtocolError'
    this.code = code
  }
}
