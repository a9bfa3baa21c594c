import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Relay, RelayLog } from '@syncline/relay'
import type { OtherSockets } from '@syncline/relay/node'
import { WebSocketServer, type WebSocket } from 'ws'
import { Client } from './client.ts'
import { defaultYLimits, type YLimits } from './limits.ts'
import { placeOf, type Place } from './places.ts'
import { Room } from './room.ts'

/** How other people's Yjs clients reach the refs of a relay. */
export interface YEndpointOptions {
  /** Where their addresses begin. Default `/y`. */
  readonly path?: string
  /**
   * Where an address leads, by what is behind `path` and its slash, percent-encoded as it came and without the query; undefined: nowhere, which the client is told for good (4404). Default `placeOf`.
   */
  readonly map?: (path: string, principal: string | undefined) => Place | undefined
  /**
   * Who a client is, by its request: a cookie, a parameter. Undefined: nobody who may come in, which it is told for good (4401). When it throws, the client is told to come back. Absent, the relay's own
   * `authenticate` is asked, with an empty credential.
   */
  readonly authenticate?: (request: IncomingMessage) => string | undefined | Promise<string | undefined>
  readonly limits?: Partial<YLimits>
  readonly log?: RelayLog
}

/** Takes the sockets of other people's Yjs clients. */
export interface YEndpoint extends OtherSockets {
  /** Connections that are open, and documents that are in memory. */
  readonly load: { readonly clients: number; readonly documents: number }
  /** Sends everybody away, and cuts off those that are still there after a moment. Close the relay first: it stores what is on its way, and that is told. */
  close(): Promise<void>
}

/** So long those whose connections end have to say goodbye. */
const CLOSE_GRACE_MS = 500

const silent: RelayLog = { debug() {}, info() {}, warn() {}, error() {} }

/**
 * Lets clients of y-websocket share `text` and `doc` refs of a relay with its own clients: at `/y/<space>/text/<name>` and `/y/<space>/doc/<name>`, or wherever `map` leads. What they
 * write is sent back to them when it is durable.
 *
 * @example
 * import { createServer } from 'node:http'
 * import { createMemoryStorage, createRelay } from '@syncline/relay'
 * import { attachRelay, listen } from '@syncline/relay/node'
 * import { createYEndpoint } from '@syncline/y-protocols'
 *
 * const server = createServer()
 * const relay = createRelay({ storage: createMemoryStorage() })
 * const endpoint = createYEndpoint(relay)
 * const attachment = attachRelay(server, relay, { others: [endpoint] })
 * await listen(server, 0, '127.0.0.1')
 * expect(endpoint.takes('/y/board/text/note')).toBe(true)
 *
 * await relay.close()
 * await endpoint.close()
 * await attachment.close()
 * await new Promise((resolve) => server.close(resolve))
 */
export function createYEndpoint(relay: Relay, options: YEndpointOptions = {}): YEndpoint {
  const { path = '/y', map = placeOf, authenticate, log = silent } = options
  const limits: YLimits = { ...defaultYLimits, ...options.limits }
  const prefix = `${path}/`
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: limits.maxFrameBytes,
    perMessageDeflate: false,
    clientTracking: false,
  })
  const rooms = new Map<string, Room>()
  const open = new Set<WebSocket>()
  let isClosed = false

  function roomOf(place: Place, principal: string | undefined): Room {
    const key = JSON.stringify([place.space, place.ref.tag, place.ref.address, place.ref.roots ?? null])
    const known = rooms.get(key)
    if (known !== undefined) return known
    const room = new Room(place, principal, {
      relay,
      limits,
      log,
      forget: (gone) => {
        if (rooms.get(key) === gone) rooms.delete(key)
      },
    })
    rooms.set(key, room)
    return room
  }

  async function serve(socket: WebSocket, request: IncomingMessage): Promise<void> {
    // Nothing is read before it is known for whom.
    socket.on('error', ignore)
    open.add(socket)
    socket.on('close', () => open.delete(socket))
    socket.pause()
    const refuse = (code: number, reason: string): void => {
      socket.resume()
      socket.close(code, reason)
      setTimeout(() => socket.terminate(), limits.answerTimeoutMs).unref()
    }
    let principal: string | undefined
    let place: Place | undefined
    try {
      if (authenticate !== undefined) {
        principal = await authenticate(request)
        if (principal === undefined) return refuse(4401, 'You may not come in.')
      }
      place = map(pathOf(request).slice(prefix.length), principal)
    } catch (error) {
      log.error({ err: error }, 'It could not be found out who a Yjs client is, or where it wants to go.')
      return refuse(1013, 'The relay could not find out who you are. Come back.')
    }
    if (place === undefined) return refuse(4404, 'There is no document here.')
    if (isClosed) return refuse(1001, 'The relay is stopping. Come back.')
    if (socket.readyState !== socket.OPEN) return
    const room = roomOf(place, principal)
    if (room.size >= limits.maxClients) return refuse(1013, 'Too many have this document open. Come back.')
    const client = new Client(socket, principal, limits, room)
    socket.resume()
    room.join(client)
  }

  return {
    get load() {
      return { clients: [...rooms.values()].reduce((sum, { size }) => sum + size, 0), documents: rooms.size }
    },
    takes: (asked) => asked.startsWith(prefix) && asked.length - prefix.length <= limits.maxPathLength,
    upgrade(request: IncomingMessage, socket: Duplex, head: Buffer) {
      sockets.handleUpgrade(request, socket, head, (webSocket) => void serve(webSocket, request))
    },
    async close() {
      isClosed = true
      const left = [...open].map((socket) => new Promise((resolve) => socket.once('close', resolve)))
      for (const room of [...rooms.values()]) room.close(1001, 'The relay is stopping. Come back.')
      const cut = setTimeout(() => open.forEach((socket) => socket.terminate()), CLOSE_GRACE_MS)
      await Promise.all(left)
      clearTimeout(cut)
      sockets.close()
    },
  }
}

function pathOf({ url = '' }: IncomingMessage): string {
  return url.split('?', 1)[0]!
}

/** `ws` closes the socket after each of its errors; without a listener the process would end. */
function ignore(): void {}
