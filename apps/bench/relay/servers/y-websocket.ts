import { setupWSConnection } from '@y/websocket-server/utils'
import { WebSocketServer } from 'ws'
import type { Contender } from './server.ts'

/** The server that comes with y-websocket: a document in memory for each room, and nothing kept. */
export const yWebsocket: Contender = {
  attach(server) {
    const sockets = new WebSocketServer({ server, perMessageDeflate: false })
    sockets.on('connection', (socket, request) => setupWSConnection(socket, request))
  },
}
