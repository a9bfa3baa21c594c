import { WebSocketServer, type WebSocket } from 'ws'
import type { Contender } from './server.ts'

/** So long is what asks for what was said. */
const ASK_BYTES = 1

/** The least that those can cost who come: whoever asks is sent all that was said in the room, in one message that is made once for all. It is never asked what they have already. */
export const keepingWs: Contender = {
  attach(server) {
    const rooms = new Map<string, Room>()
    const sockets = new WebSocketServer({ server, perMessageDeflate: false })
    sockets.on('connection', (socket, { url = '' }) => {
      const room = rooms.get(url) ?? { members: new Set(), said: [] }
      rooms.set(url, room)
      room.members.add(socket)
      socket.on('message', (data) => {
        const message = data as Buffer
        if (message.length === ASK_BYTES) {
          if (room.said.length > 1) room.said = [Buffer.concat(room.said)]
          socket.send(room.said[0]!, { binary: true })
          return
        }
        room.said.push(message)
        for (const other of room.members) if (other !== socket) other.send(message, { binary: true })
      })
      socket.on('close', () => room.members.delete(socket))
    })
  },
}

interface Room {
  readonly members: Set<WebSocket>
  said: Buffer[]
}
