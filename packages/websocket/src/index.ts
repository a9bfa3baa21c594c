// The transport
export { websocket } from './websocket.ts'
export type { WebSocketClass, WebSocketLike, WebSocketOptions } from './websocket.ts'

// Errors
export { WebSocketTransportError } from './errors.ts'
export type { WebSocketTransportErrorCode } from './errors.ts'
