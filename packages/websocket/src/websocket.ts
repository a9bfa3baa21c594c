import type { Connection, Transport, TransportEvents } from '@syncline/store'
import { WebSocketTransportError } from './errors.ts'
import { onNudge, onPageHide, pageAddress } from './page.ts'

/** The part of a WebSocket class that is used: the browser's own, or that of the `ws` package. */
export interface WebSocketClass {
  new (url: string, protocols?: string[]): WebSocketLike
}

/** The part of a WebSocket that is used. */
export interface WebSocketLike {
  binaryType: string
  readonly readyState: number
  readonly bufferedAmount: number
  onopen: ((event: never) => void) | null
  onmessage: ((event: never) => void) | null
  onerror: ((event: never) => void) | null
  onclose: ((event: never) => void) | null
  send(data: Uint8Array): void
  close(code?: number, reason?: string): void
}

/** Options of `websocket`. */
export interface WebSocketOptions {
  /** The class to make sockets with. Default: the platform's own, which Node 20 lacks. */
  readonly WebSocket?: WebSocketClass
  /** Subprotocols to offer. */
  readonly protocols?: readonly string[]
}

const OPEN = 1
const NO_CODE = 1006
const NOT_OURS = 4400

/**
 * The way to a relay over a WebSocket, for `openStore({ transport })`. Give the same object to several stores and they share a socket.
 *
 * `url` is a `ws:` or `wss:` address, an `http:` or `https:` one, or a path such as `/sync` on the page's own host. A function is called for each attempt.
 * Throws `WebSocketTransportError` `invalid-url` or `no-websocket` here, for what no attempt could mend. Reconnecting and noticing
 * dead peers are the store's work; this is one socket at a time.
 *
 * @example
 * import { websocket } from '@syncline/websocket'
 *
 * expect(() => websocket('not an address')).toThrow('cannot be the address of a relay')
 */
export function websocket(url: string | (() => string), options: WebSocketOptions = {}): Transport {
  if (typeof url === 'string') addressOf(url)
  const given = options.WebSocket ?? (globalThis as { WebSocket?: WebSocketClass }).WebSocket
  if (given === undefined) {
    throw new WebSocketTransportError(
      'no-websocket',
      'This platform has no WebSocket. Pass one: websocket(url, { WebSocket }) with the class of the "ws" package.',
    )
  }
  const Socket: WebSocketClass = given
  const protocols = options.protocols === undefined ? undefined : [...options.protocols]

  function connect(events: TransportEvents): Connection {
    let socket: WebSocketLike | undefined
    let ended = false
    let stopHiding = (): void => undefined

    const end = (code: number, reason: string): void => {
      if (ended) return
      ended = true
      stopHiding()
      if (socket !== undefined) {
        socket.onopen = null
        socket.onmessage = null
        // A socket that is closed while connecting still reports an error; "ws" throws it where nobody listens.
        socket.onerror = () => undefined
        socket.onclose = null
      }
      events.onClose(code, reason)
    }

    const close = (code = 1000, reason = ''): void => {
      if (ended) return
      socket?.close(code, reason)
      // The closing handshake may take long, or never end; for us it is over.
      queueMicrotask(() => end(code, reason))
    }

    // Events come later, never inside this call, also when there is not even a socket.
    try {
      socket = new Socket(addressOf(typeof url === 'function' ? url() : url), protocols)
    } catch (error) {
      const words = error instanceof Error ? error.message : String(error)
      queueMicrotask(() => end(NO_CODE, words))
      return { send: () => undefined, bufferedBytes: 0, close: () => undefined }
    }
    const opened = socket
    opened.binaryType = 'arraybuffer'
    opened.onopen = () => events.onOpen()
    opened.onmessage = ({ data }: { readonly data: unknown }) => {
      if (data instanceof ArrayBuffer) events.onMessage(new Uint8Array(data))
      else close(NOT_OURS, 'only binary messages')
    }
    // What went wrong is told by the close event that follows.
    opened.onerror = () => undefined
    opened.onclose = ({ code, reason }: { readonly code: number; readonly reason: unknown }) =>
      end(code, String(reason))
    // A page with an open socket is not kept for the way back, or comes back with a dead one.
    stopHiding = onPageHide(() => close(1001, 'page hidden'))

    return {
      send(message) {
        if (!ended && opened.readyState === OPEN) opened.send(message)
      },
      get bufferedBytes() {
        return opened.bufferedAmount
      },
      close,
    }
  }

  return { connect, onNudge }
}

/** The absolute ws: or wss: address that `url` means here. */
function addressOf(url: string): string {
  let address: URL
  try {
    address = new URL(url, pageAddress())
  } catch (cause) {
    throw invalid(url, cause)
  }
  if (address.protocol === 'http:') address.protocol = 'ws:'
  if (address.protocol === 'https:') address.protocol = 'wss:'
  if (address.protocol !== 'ws:' && address.protocol !== 'wss:') throw invalid(url)
  // A WebSocket refuses an address with a fragment.
  address.hash = ''
  return address.href
}

function invalid(url: string, cause?: unknown): WebSocketTransportError {
  return new WebSocketTransportError(
    'invalid-url',
    `${JSON.stringify(url)} cannot be the address of a relay. Use ws://host:port/sync, wss://…, or in a page a path such as /sync.`,
    { cause },
  )
}
