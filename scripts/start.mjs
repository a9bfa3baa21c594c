import process from 'node:process'
import { install } from './bootstrap.mjs'
import { buildDemo, buildRelay } from './build.mjs'
import { endWellWhenStopped, start as startChild } from './children.mjs'
import { Letter } from './letter.mjs'
import { at } from './paths.mjs'
import { claimPort, portFromEnv } from './ports.mjs'

const defaultPort = 4400

/** `npm start`: the relay and the demo on one port, until someone stops it. */
export async function start() {
  const host = process.env.HOST ?? '127.0.0.1'
  const port = await claimPort(portFromEnv(process.env, defaultPort), host, 'npm start')
  await install()
  await build()

  const place = ['--port', String(port), '--host', host, '--auth', 'none']
  const content = ['--data', process.env.DATA ?? at('data'), '--static', at('demo/dist')]
  const { end } = startChild(process.execPath, [at('apps/relay/dist/main.js'), ...place, ...content])
  // The relay says where it is as soon as it answers.
  endWellWhenStopped()
  const { code, signal, error } = await end
  throw new Letter(`The relay stopped by itself (${error?.message ?? signal ?? `exit code ${code}`}).`)
}

async function build() {
  const parts = await Promise.all([buildRelay(), buildDemo()])
  const failed = parts.filter((part) => part.code !== 0)
  if (failed.length > 0) throw new Letter(`${failed.map((part) => part.output).join('\n')}\nThe build failed.`)
}

const localHosts = new Set(['127.0.0.1', '0.0.0.0', '::', '::1', 'localhost'])
export const url = (host, port) => `http://${localHosts.has(host) ? 'localhost' : host}:${port}`
