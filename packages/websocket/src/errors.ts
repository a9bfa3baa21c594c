/** What a {@link WebSocketTransportError} can be about. */
export type WebSocketTransportErrorCode =
  /** The address cannot be one of a relay. */
  | 'invalid-url'
  /** The platform has no WebSocket and none was given. */
  | 'no-websocket'

/** A transport that can never connect. The message says what to do. */
export class WebSocketTransportError extends Error {
  readonly code: WebSocketTransportErrorCode

  constructor(code: WebSocketTransportErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'WebSocketTransportError'
    this.code = code
  }
}
