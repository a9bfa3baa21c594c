import type { Transport } from '@syncline/store'
import { checkProtocols, resolveAddress } from './address.ts'
import { attempt } from './attempt.ts'
import { WebSocketTransportError } from './errors.ts'
import type { WebSocketConstructor, WebSocketOptions } from './options.ts'
import { onNudge } from './page.ts'

/**
 * A transport over WebSocket to the relay at `url`: an address, or a path on the server of this page. A function is asked anew for each
 * attempt. Stores that are given the same transport share one connection.
 *
 * Throws `WebSocketTransportError` at once when the address, the subprotocols or the platform cannot do; an address that a function gives
 * too late for that, and whatever else keeps an attempt from succeeding, ends the attempt with code 1006 and the reason.
 *
 * A page that is left closes its connection, and nudges when it is back, when it is looked at again, and when the network returns.
 *
 * @example
 * import { websocket } from '@syncline/websocket'
 * import { WebSocket } from 'ws'
 *
 * const transport = websocket('ws://127.0.0.1:9/sync', { WebSocket })
 * const code = await new Promise((resolve) => {
 *   transport.connect({ onOpen() {}, onMessage() {}, onClose: resolve })
 * })
 * // Nobody is there.
 * expect(code).toBe(1006)
 */
export function websocket(url: string | (() => string), options: WebSocketOptions = {}): Transport {
  const { protocols = [] } = options
  const Socket = options.WebSocket ?? (globalThis as { readonly WebSocket?: WebSocketConstructor }).WebSocket
  if (Socket === undefined) {
    throw new WebSocketTransportError(
      'no-websocket',
      "There is no WebSocket on this platform. Give one: websocket(url, { WebSocket }) with WebSocket from the package 'ws'.",
    )
  }
  checkProtocols(protocols)
  const base = (globalThis as { readonly location?: Location }).location?.href
  const address = typeof url === 'string' ? always(resolveAddress(url, base)) : () => resolveAddress(url(), base)
  return {
    connect: (events) => attempt(Socket, address, protocols, events),
    onNudge,
  }
}

function always<T>(value: T): () => T {
  return () => value
}
