// The transport
export { websocket } from './transport.ts'
export type { WebSocketConstructor, WebSocketLike, WebSocketOptions } from './options.ts'

// Errors
export { WebSocketTransportError } from './errors.ts'
export type { WebSocketTransportErrorCode } from './errors.ts'
