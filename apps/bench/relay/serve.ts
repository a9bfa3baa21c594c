/** Runs the server of one contender: `serve <contender> <folder>`, as the child of whoever measures it, and says what it has used when it is asked. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import process from 'node:process'
import { bareWs } from './servers/bare-ws.ts'
import type { Contender } from './servers/server.ts'
import { syncline, synclineMemory } from './servers/syncline.ts'
import { tickedWs } from './servers/ticked-ws.ts'
import { yWebsocket } from './servers/y-websocket.ts'

const contenders: Readonly<Record<string, Contender>> = {
  'bare ws': bareWs,
  'one write a turn': tickedWs,
  'y-websocket-server': yWebsocket,
  Syncline: syncline,
  'Syncline in memory': synclineMemory,
}

/** What the process has used. */
export interface Usage {
  /** Of all its threads, in microseconds. */
  readonly cpuUs: number
  readonly rssBytes: number
  /** What its objects and buffers take, after they were collected. */
  readonly heldBytes: number
}

function usage(): Usage {
  const { user, system } = process.cpuUsage()
  ;(globalThis as { readonly gc?: () => void }).gc?.()
  const { rss, heapUsed, external } = process.memoryUsage()
  return { cpuUs: user + system, rssBytes: rss, heldBytes: heapUsed + external }
}

const [name = '', folder = ''] = process.argv.slice(2)
const server = createServer()
await contenders[name]!.attach(server, folder)
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
  process.on('message', (wanted) => {
    if (wanted === 'usage') process.send!(usage())
  })
  process.on('disconnect', () => process.exit(0))
  process.send!((server.address() as AddressInfo).port)
})
