import type { IncomingMessage, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { MAX_MESSAGE_BYTES } from '@syncline/protocol'
import { WebSocketServer, type RawData, type WebSocket } from 'ws'
import { RelayError } from './errors.ts'
import type { Connection, ConnectionEvents } from './ports.ts'
import type { Relay } from './relay.ts'
import { CLOSE_GRACE_MS, createConnecting } from './socket-connection.ts'

export { createKeyedEpochs } from './keyed-epochs.ts'

/** How sockets reach a relay. */
export interface AttachOptions {
  /** The path of the WebSocket. */
  readonly path?: string
  /** Must be at least what the relay's limits say. */
  readonly maxMessageBytes?: number
  /**
   * Web pages from these origins may connect (`https://board.example`), besides those of this machine, and besides those that
   * the server itself serves when it does not listen on loopback only. Programs other than browsers send no origin and always may.
   */
  readonly origins?: readonly string[]
  /** Who else takes sockets on this server, under the same rule of origins. */
  readonly others?: readonly OtherSockets[]
}

/** Who takes sockets that are not for the clients of a relay. */
export interface OtherSockets {
  /** Whether it takes those that ask for a path, which is as it came and without its query. */
  takes(path: string): boolean
  /** Takes one, from an origin that may connect. It may turn it away. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
}

/** Sockets that reach a relay. */
export interface Attachment {
  /** Takes no more sockets, and cuts off those that are still there after a moment. Close the relay first, it says goodbye. */
  close(): Promise<void>
}

/**
 * Lets the clients of a relay connect over WebSocket to an HTTP server, at `/sync`.
 *
 * @example
 * import { createServer } from 'node:http'
 * import { createMemoryStorage, createRelay } from '@syncline/relay'
 * import { attachRelay, listen } from '@syncline/relay/node'
 *
 * const server = createServer()
 * const relay = createRelay({ storage: createMemoryStorage() })
 * const attachment = attachRelay(server, relay)
 * const { port } = await listen(server, 0, '127.0.0.1')
 * expect(port).toBeGreaterThan(0)
 *
 * await relay.close()
 * await attachment.close()
 * await new Promise((resolve) => server.close(resolve))
 */
export function attachRelay(server: Server, relay: Relay, options: AttachOptions = {}): Attachment {
  const { path = '/sync', maxMessageBytes = MAX_MESSAGE_BYTES, origins = [], others = [] } = options
  // Compression costs more than it saves on records that are small or compressed already, and 300 kB for each connection.
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: maxMessageBytes,
    perMessageDeflate: false,
    clientTracking: false,
  })
  /** Those that are open, by which the listeners are the same for all: `ws` would need one more for each to know them. */
  const open = new Map<WebSocket, ConnectionEvents>()
  const connect = createConnecting()

  function onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', destroy)
    // Not by `new URL`, which throws for what a hostile client may ask for.
    const asked = request.url?.split('?', 1)[0] ?? ''
    const other = asked === path ? undefined : others.find(({ takes }) => takes(asked))
    if (asked !== path && other === undefined) return turnAway(socket, '404 Not Found')
    if (!mayConnect(request, server, origins) || !(relay.asks || isHere(request)))
      return turnAway(socket, '403 Forbidden')
    if (other !== undefined) {
      socket.off('error', destroy)
      other.upgrade(request, socket, head)
      return
    }
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      socket.off('error', destroy)
      serve(webSocket, connect(webSocket, socket), request.socket.remoteAddress)
    })
  }

  function serve(socket: WebSocket, connection: Connection, address: string | undefined): void {
    open.set(socket, relay.accept(connection, address))
    socket.on('error', ignore)
    socket.on('message', onMessage)
    socket.on('close', onClose)
  }

  function onMessage(this: WebSocket, message: RawData): void {
    open.get(this)?.onMessage(bytesOf(message))
  }

  function onClose(this: WebSocket): void {
    const events = open.get(this)
    open.delete(this)
    events?.onClose()
  }

  server.on('upgrade', onUpgrade)
  return {
    async close() {
      server.off('upgrade', onUpgrade)
      const left = [...open.keys()].map((socket) => new Promise((resolve) => socket.once('close', resolve)))
      const cut = setTimeout(() => open.forEach((_, socket) => socket.terminate()), CLOSE_GRACE_MS)
      await Promise.all(left)
      clearTimeout(cut)
      sockets.close()
    },
  }
}

/** Listens, and resolves to the address. Rejects with `RelayError` `port-unavailable`. */
export function listen(server: Server, port: number, host: string): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => {
      const advice =
        error.code === 'EADDRINUSE'
          ? `Port ${port} on ${host} is in use. Stop the program that holds it, or choose another port (0 takes a free one).`
          : `Cannot listen on port ${port} of ${host}: ${error.message}. Choose an address of this machine and a port that this user may use.`
      reject(new RelayError('port-unavailable', advice, { cause: error }))
    }
    server.once('error', onError)
    // Many clients come back at the same moment after a restart.
    server.listen({ port, host, backlog: 4096 }, () => {
      server.off('error', onError)
      resolve(server.address() as AddressInfo) // listening on TCP, so neither null nor a path
    })
  })
}

/** Whether an address can be reached from this machine only. */
export function isLoopback(host: string): boolean {
  const name = host.replace(/^\[|\]$/g, '')
  return name === '::1' || /^(.+\.)?localhost$/i.test(name) || /^(::ffff:)?127(\.\d{1,3}){3}$/i.test(name)
}

/**
 * A browser lets any web page open a socket to any address, also to this machine. Without this check, every page that somebody
 * visits could read the spaces of the relay they run for themselves.
 */
function mayConnect({ headers }: IncomingMessage, server: Server, origins: readonly string[]): boolean {
  const { origin, host } = headers
  if (origin === undefined || origins.includes(origin)) return true
  const from = URL.canParse(origin) ? new URL(origin) : undefined
  if (from === undefined) return false
  if (isLoopback(from.hostname)) return true
  // A page may give its own name this machine's address; so on loopback the name proves nothing.
  const address = server.address()
  const isPublic = typeof address === 'object' && address !== null && !isLoopback(address.address)
  return isPublic && from.host === host
}

/** Who is not asked who they are must be on this machine. */
function isHere({ socket }: IncomingMessage): boolean {
  return isLoopback(socket.remoteAddress ?? '')
}

function turnAway(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}

/** Not a closure of the request: whatever a socket still holds is held for each of thousands. */
function destroy(this: Duplex): void {
  this.destroy()
}

/** `ws` closes the socket after each of its errors, with the right code; without a listener the process would end. */
function ignore(): void {}

/** With the binary type that `ws` has by default, a message is one buffer. */
function bytesOf(message: RawData): Uint8Array {
  if (message instanceof Uint8Array) return message
  return message instanceof ArrayBuffer ? new Uint8Array(message) : Buffer.concat(message)
}
