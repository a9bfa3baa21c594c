import { once } from 'node:events'
import { request } from 'node:http'
import { createServer, type AddressInfo } from 'node:net'
import process from 'node:process'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { install } from '../bootstrap.mjs'
import { at } from '../paths.mjs'
import { family, isFree, isGone, startProgram, until, type Program } from './programs.ts'
import { folderOf } from './temporary.ts'

/** A start after a change may have to build first. */
const timeout = 60_000
const address = /http:\/\/[^\s/]+:(\d+)/g

// What npm test has done before it comes here; it makes the starts below second ones.
beforeAll(async () => void (await install()), 120_000)

test('npm start runs from what is installed and built, without a network, until Ctrl-C', { timeout }, async () => {
  const network = await watchedNetwork()
  const program = startProgram('npm', ['start'], { PORT: '0', DATA: folderOf({}), ...network.env })
  const { url, port } = await announced(program)
  const health = await fetch(`${url}/healthz`)
  const page = await fetch(url)
  expect([health.status, page.status]).toEqual([200, 200])
  expect(await page.text()).toContain('<title>')
  expect(program.output.out.match(address)).toEqual([url])

  const everybody = family(program.pid)
  // npm, run.mjs and the relay at least; npm may put a shell between.
  expect(everybody.length).toBeGreaterThanOrEqual(3)
  // A terminal sends it to the whole group.
  process.kill(-program.pid, 'SIGINT')
  await program.end
  expect(await Promise.all(everybody.map(isGone))).toEqual(everybody.map(() => true))
  expect(await isFree(port)).toBe(true)
  expect(complaints(program)).toEqual([])
  expect(network.contacts()).toBe(0)
})

test('npm start ends, with all that it started, when npm gets SIGTERM', { timeout }, async () => {
  const program = startProgram('npm', ['start'], { PORT: '0', DATA: folderOf({}) })
  const { port } = await announced(program)
  const everybody = family(program.pid)
  expect(everybody.length).toBeGreaterThanOrEqual(3)
  process.kill(program.pid, 'SIGTERM')
  expect(await Promise.all(everybody.map(isGone))).toEqual(everybody.map(() => true))
  expect(await isFree(port)).toBe(true)
  expect(complaints(program)).toEqual([])
})

test('npm run dev serves page and relay at one address, and ends in silence', { timeout }, async () => {
  const program = startProgram(process.execPath, [at('scripts/run.mjs'), 'dev'], { PORT: '0', DATA: folderOf({}) })
  const { url, port } = await announced(program)
  const page = await fetch(url, { headers: { accept: 'text/html' } })
  expect(await page.text()).toContain('/@vite/client')
  expect((await fetch(`${url}/healthz`)).status).toBe(200)
  expect(await upgrade(port)).toBe(101)

  const everybody = family(program.pid)
  // run.mjs, the compiler, the relay and its watcher, Vite.
  expect(everybody.length).toBeGreaterThanOrEqual(5)
  process.kill(program.pid, 'SIGTERM')
  expect(await program.end).toEqual({ code: 0, signal: null })
  expect(await Promise.all(everybody.map(isGone))).toEqual(everybody.map(() => true))
  expect(await isFree(port)).toBe(true)
  expect(complaints(program)).toEqual([])
  expect(program.output.out.match(address)).toEqual([url])
})

test.each(['start', 'dev'])('a port in use ends %s with one sentence', async (command) => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  onTestFinished(() => void other.close())
  const { port } = other.address() as AddressInfo
  const program = startProgram(process.execPath, [at('scripts/run.mjs'), command], { PORT: `${port}` })
  expect(await program.end).toEqual({ code: 1, signal: null })
  const way = command === 'start' ? 'npm start' : 'npm run dev'
  expect(program.output).toEqual({
    out: '',
    err:
      `Port ${port} is in use, perhaps by a Syncline that already runs. ` +
      `Stop that program, or choose another port: PORT=${port + 1} ${way}\n`,
  })
})

/** The address that the program prints. */
async function announced(program: Program): Promise<{ url: string; port: number }> {
  const [url, port] = await until(program, () => [...program.output.out.matchAll(address)][0])
  return { url, port: Number(port) }
}

/** What stood on standard error, but for what npm says in its own name (of a setting that it does not know, say). */
const complaints = ({ output }: Program): string[] =>
  output.err.split('\n').filter((line) => line !== '' && !/^npm (warn|notice|error)\b/i.test(line))

/** An environment whose registry and proxy are a server here that counts who comes. */
async function watchedNetwork(): Promise<{ env: Record<string, string>; contacts(): number }> {
  let contacts = 0
  const server = createServer((socket) => {
    contacts += 1
    socket.destroy()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const place = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const env = {
    npm_config_registry: place,
    npm_config_fetch_retries: '0',
    // npm's own question for a newer npm is no part of the project.
    npm_config_update_notifier: 'false',
    HTTP_PROXY: place,
    HTTPS_PROXY: place,
    http_proxy: place,
    https_proxy: place,
  }
  return { env, contacts: () => contacts }
}

/** The status with which a request for a websocket at /sync is answered. */
async function upgrade(port: number): Promise<number | undefined> {
  const headers = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    origin: `http://localhost:${port}`,
    'sec-websocket-version': '13',
    'sec-websocket-key': Buffer.alloc(16, 1).toString('base64'),
  }
  const asked = request({ host: '127.0.0.1', port, path: '/sync', headers })
  asked.end()
  return new Promise((resolve, reject) => {
    asked.once('upgrade', (answer, socket) => {
      socket.destroy()
      resolve(answer.statusCode)
    })
    asked.once('response', (answer) => {
      answer.resume()
      resolve(answer.statusCode)
    })
    asked.once('error', reject)
  })
}
