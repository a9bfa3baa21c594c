/** Runs the server of one contender: `serve <contender> <folder>`, as the child of whoever measures it, and says what it has used when it is asked. */
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import process from 'node:process'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { acknowledgingWs, bareWs } from './servers/bare-ws.ts'
import { hocuspocus } from './servers/hocuspocus.ts'
import { keepingWs } from './servers/keeping-ws.ts'
import type { Contender } from './servers/server.ts'
import { syncline, synclineMemory } from './servers/syncline.ts'
import { tickedWs } from './servers/ticked-ws.ts'
import { yWebsocket, yWebsocketWithFile } from './servers/y-websocket.ts'

const contenders: Readonly<Record<string, Contender>> = {
  'bare ws': bareWs,
  'ws that acknowledges': acknowledgingWs,
  'one write a turn': tickedWs,
  'ws that keeps': keepingWs,
  'y-websocket-server': yWebsocket,
  Hocuspocus: hocuspocus,
  'y-websocket-server with a file': yWebsocketWithFile,
  Syncline: syncline,
  'Syncline in memory': synclineMemory,
}

const { gc } = globalThis as unknown as { gc(): void }

/** The processor time that all threads have taken, in microseconds. */
function cpuUs(): number {
  const { user, system } = process.cpuUsage()
  return user + system
}

/** The most that the process has taken since this was asked last; where the system does not tell, ever. */
function peakBytes(): number {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS * 1024
  const [, kB] = /VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))!
  writeFileSync('/proc/self/clear_refs', '5')
  return Number(kB) * 1024
}

/** So many collections let go of nothing more before that is believed: code, for one, is let go of only when it was found unused several times. */
const IN_VAIN = 8

/** What objects and buffers take, and the process, when nothing more can be collected: what one collection lets go of may hold others until a turn later. */
async function memory(): Promise<{ readonly rssBytes: number; readonly heldBytes: number }> {
  let heldBytes = Infinity
  for (let inVain = 0; inVain < IN_VAIN;) {
    gc()
    await nextTurn()
    const { heapUsed, external } = process.memoryUsage()
    inVain = heapUsed + external < heldBytes ? 0 : inVain + 1
    heldBytes = Math.min(heldBytes, heapUsed + external)
  }
  return { rssBytes: process.memoryUsage().rss, heldBytes }
}

/** How late what is due comes, since this was asked last. */
const loop = monitorEventLoopDelay({ resolution: 1 })

function loopDelayMs(): number {
  const ms = loop.percentile(99) / 1e6
  loop.reset()
  loop.enable()
  return ms
}

const [name = '', folder = ''] = process.argv.slice(2)
const server = createServer()
await contenders[name]!.attach(server, folder)
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
  process.on('message', (wanted) => {
    if (wanted === 'cpuUs') process.send!(cpuUs())
    if (wanted === 'loopDelayMs') process.send!(loopDelayMs())
    if (wanted === 'peak') process.send!(peakBytes())
    if (wanted === 'memory') void memory().then((held) => process.send!(held))
  })
  process.on('disconnect', () => process.exit(0))
  process.send!((server.address() as AddressInfo).port)
})
