import { Hocuspocus } from '@hocuspocus/server'
import { WebSocketServer } from 'ws'
import type { Contender } from './server.ts'

/** The server of Hocuspocus, with nothing but what it is without extensions: a document in memory for each room, and nothing kept. */
export const hocuspocus: Contender = {
  attach(server) {
    const sockets = new WebSocketServer({ server, perMessageDeflate: false })
    const rooms = new Hocuspocus({ quiet: true })
    sockets.on('connection', (socket, { url }) => {
      const connection = rooms.handleConnection(socket, new Request(new URL(url!, 'http://127.0.0.1')))
      socket.on('message', (message: Buffer) => connection.handleMessage(message))
      socket.on('close', (code, reason) => connection.handleClose({ code, reason: String(reason) }))
    })
  },
}
