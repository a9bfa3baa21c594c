import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { FarEnd } from '@syncline/store/contracts'
import { WebSocketServer } from 'ws'

/** The far end of one connection, which can also misbehave. */
export interface ServerEnd extends FarEnd {
  readonly path: string
  readonly protocol: string
  sendText(text: string): void
  /** Reads nothing any more. */
  pause(): void
}

/** A WebSocket server that the test plays. */
export interface Server {
  readonly url: string
  /** Resolves to the far end of the next connection that arrives. */
  accept(): Promise<ServerEnd>
  openCount(): number
  close(): Promise<void>
}

export async function startServer(): Promise<Server> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  const waiting: ((end: ServerEnd) => void)[] = []
  server.on('connection', (socket, request) => {
    const received: Uint8Array[] = []
    let closed: readonly [number, string] | undefined
    socket.on('message', (data: Buffer) => received.push(new Uint8Array(data)))
    socket.on('close', (code, reason) => (closed = [code, reason.toString()]))
    // A connection that breaks says so, and then closes.
    socket.on('error', () => undefined)
    waiting.shift()?.({
      received,
      get closed() {
        return closed
      },
      path: request.url ?? '',
      protocol: socket.protocol,
      send: (message) => socket.send(message),
      sendText: (text) => socket.send(text),
      close: (code, reason) => socket.close(code, reason),
      drop: () => socket.terminate(),
      pause: () => socket.pause(),
    })
  })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `ws://127.0.0.1:${port}`,
    accept: () => new Promise((resolve) => waiting.push(resolve)),
    openCount: () => server.clients.size,
    async close() {
      for (const client of server.clients) client.terminate()
      server.close()
      await once(server, 'close')
    },
  }
}
