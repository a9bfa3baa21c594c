import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import type { Contender } from './server.ts'

/** About the least that can be done: what came in one turn leaves in one write for each socket, in frames that are made once for all. It knows nothing and keeps nothing. */
export const tickedWs: Contender = {
  attach(server) {
    const rooms = new Map<string, Room>()
    const sockets = new WebSocketServer({ server, perMessageDeflate: false })
    sockets.on('connection', (socket, { url = '', socket: raw }) => {
      const room = rooms.get(url) ?? createRoom()
      rooms.set(url, room)
      room.members.add(raw)
      socket.on('message', (message) => room.take(raw, message as Buffer))
      socket.on('close', () => {
        room.members.delete(raw)
        if (room.members.size === 0) rooms.delete(url)
      })
    })
  },
}

interface Room {
  readonly members: Set<Duplex>
  take(from: Duplex, message: Buffer): void
}

function createRoom(): Room {
  const members = new Set<Duplex>()
  let waiting: { readonly from: Duplex; readonly frame: Buffer }[] = []

  function flush(): void {
    const frames = waiting
    waiting = []
    const authors = new Set(frames.map(({ from }) => from))
    const all = Buffer.concat(frames.map(({ frame }) => frame))
    for (const member of members) {
      if (!authors.has(member)) {
        member.write(all)
        continue
      }
      const others = frames.filter(({ from }) => from !== member)
      if (others.length > 0) member.write(Buffer.concat(others.map(({ frame }) => frame)))
    }
  }

  return {
    members,
    take(from, message) {
      if (waiting.length === 0) setImmediate(flush)
      waiting.push({ from, frame: frameOf(message) })
    },
  }
}

/** One binary message as a frame of RFC 6455, of less than 64 KiB. */
function frameOf(message: Buffer): Buffer {
  const head = message.length < 126 ? Buffer.from([0x82, message.length]) : Buffer.from([0x82, 126, 0, 0])
  if (head.length === 4) head.writeUInt16BE(message.length, 2)
  return Buffer.concat([head, message])
}
