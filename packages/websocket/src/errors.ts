/** What a {@link WebSocketTransportError} can be about. */
export type WebSocketTransportErrorCode =
  /** The address is not one that a WebSocket can connect to. */
  | 'invalid-url'
  /** A subprotocol is not a token, or is given twice. */
  | 'invalid-protocol'
  /** A close code that only the browser may send. */
  | 'invalid-close-code'
  /** This platform has no WebSocket, and none was given. */
  | 'no-websocket'

/** A transport was asked for something that cannot be. The message says what happened and what to do. */
export class WebSocketTransportError extends Error {
  readonly code: WebSocketTransportErrorCode

  constructor(code: WebSocketTransportErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'WebSocketTransportError'
    this.code = code
  }
}
