import type { Server } from 'node:http'
import { WebSocketServer, type WebSocket } from 'ws'
import type { Contender } from './server.ts'

/** What everybody does first: whoever is in the room is sent what came, each message by itself. It knows nothing and keeps nothing. */
export const bareWs: Contender = { attach: (server) => serve(server, undefined) }

/** The same, and who sent it is told that it came: one write more, which no server that acknowledges can do without when edits come one by one. */
export const acknowledgingWs: Contender = { attach: (server) => serve(server, Buffer.alloc(ACKNOWLEDGEMENT_BYTES)) }

/** The length of one of ours. */
const ACKNOWLEDGEMENT_BYTES = 24

function serve(server: Server, acknowledgement: Buffer | undefined): void {
  const rooms = new Map<string, Set<WebSocket>>()
  const sockets = new WebSocketServer({ server, perMessageDeflate: false })
  sockets.on('connection', (socket, { url = '' }) => {
    const room = rooms.get(url) ?? new Set()
    rooms.set(url, room.add(socket))
    socket.on('message', (message) => {
      for (const other of room) if (other !== socket) other.send(message as Buffer, { binary: true })
      if (acknowledgement !== undefined) socket.send(acknowledgement, { binary: true })
    })
    socket.on('close', () => {
      room.delete(socket)
      if (room.size === 0) rooms.delete(url)
    })
  })
}
