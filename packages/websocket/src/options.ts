/** How a transport connects. */
export interface WebSocketOptions {
  /** The class that makes sockets, where the platform has none: `WebSocket` of the package `ws` in Node 20. */
  readonly WebSocket?: WebSocketConstructor
  /** Subprotocols to offer, one of which the server must choose. */
  readonly protocols?: readonly string[]
}

/** Makes a socket, which starts to connect at once. */
export type WebSocketConstructor = new (url: string, protocols?: string[]) => WebSocketLike

/** What this package uses of a WebSocket. The browser's own and that of `ws` fit. */
export interface WebSocketLike {
  binaryType: string
  readonly readyState: number
  readonly bufferedAmount: number
  onopen: ((event: never) => void) | null
  onmessage: ((event: never) => void) | null
  onerror: ((event: never) => void) | null
  onclose: ((event: never) => void) | null
  send(data: Uint8Array<ArrayBuffer>): void
  close(code?: number, reason?: string): void
}
