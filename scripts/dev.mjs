import process from 'node:process'
import { install } from './bootstrap.mjs'
import { buildRelay } from './build.mjs'
import { endWellWhenStopped, start as startChild } from './children.mjs'
import { Letter } from './letter.mjs'
import { at, tool } from './paths.mjs'
import { accepts, claimPort, portFromEnv } from './ports.mjs'
import { url } from './start.mjs'

const defaultPort = 4400

/**
 * `npm run dev`: the demo with hot reload, and a relay that restarts when its sources change.
 *
 * The browser sees one port; Vite passes the websocket path /sync on to the relay.
 */
export async function dev() {
  const host = process.env.HOST ?? '127.0.0.1'
  const port = await claimPort(portFromEnv(process.env, defaultPort), host, 'npm run dev')
  const relayPort = await claimPort(0, '127.0.0.1', 'npm run dev')
  await install()
  const built = await buildRelay()
  if (built.code !== 0) throw new Letter(`${built.output}\nThe relay does not compile.`)

  const compiler = startChild(tool('tsc'), ['-b', 'apps/relay', '--watch', '--preserveWatchOutput'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const relayArgs = ['--port', String(relayPort), '--host', '127.0.0.1', '--data', process.env.DATA ?? at('data')]
  const watched = ['--watch', '--watch-preserve-output', at('apps/relay/dist/main.js')]
  // Its own address would be a second one, and the wrong one to open.
  const relay = startChild(process.execPath, [...watched, ...relayArgs], { stdio: ['ignore', 'ignore', 'inherit'] })
  const vite = startChild(
    tool('vite'),
    ['demo', '--host', host, '--port', String(port), '--strictPort', '--logLevel', 'warn', '--clearScreen', 'false'],
    { env: { SYNCLINE_RELAY: `http://127.0.0.1:${relayPort}` } },
  )

  const ended = Promise.race([
    compiler.end.then(() => 'The compiler'),
    relay.end.then(() => 'The relay'),
    vite.end.then(() => 'Vite'),
  ])
  const address = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host
  endWellWhenStopped()
  // The page asks for the relay at once, so the address is said when both are there.
  const isRunning = (await accepts(port, address, ended)) && (await accepts(relayPort, '127.0.0.1', ended))
  if (isRunning) console.log(`\nSyncline is running with hot reload: ${url(host, port)}\n`)
  throw new Letter(`${await ended} stopped by itself.`)
}
