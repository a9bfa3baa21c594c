import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setPersistence, setupWSConnection } from '@y/websocket-server/utils'
import { WebSocketServer } from 'ws'
import { applyUpdate } from 'yjs'
import type { Contender } from './server.ts'

/** The server that comes with y-websocket: a document in memory for each room, and nothing kept. */
export const yWebsocket: Contender = {
  attach(server) {
    const sockets = new WebSocketServer({ server, perMessageDeflate: false })
    sockets.on('connection', (socket, request) => setupWSConnection(socket, request))
  },
}

/** The same, with its updates in a file for each room: it is read when the first one comes, as a database that keeps updates would be. */
export const yWebsocketWithFile: Contender = {
  attach(server, folder) {
    setPersistence({
      provider: undefined,
      bindState(room, doc) {
        const file = join(folder, encodeURIComponent(room))
        for (const update of updatesIn(file)) applyUpdate(doc, update)
        doc.on('update', (update: Uint8Array) => {
          const length = Buffer.alloc(4)
          length.writeUInt32LE(update.length)
          appendFileSync(file, Buffer.concat([length, update]))
        })
      },
      writeState: async () => undefined,
    })
    return yWebsocket.attach(server, folder)
  },
}

function* updatesIn(file: string): Iterable<Uint8Array> {
  if (!existsSync(file)) return
  const bytes = readFileSync(file)
  for (let at = 0; at < bytes.length;) {
    const end = at + 4 + bytes.readUInt32LE(at)
    yield bytes.subarray(at + 4, end)
    at = end
  }
}
