import { once } from 'node:events'
import { createServer, request, type Server } from 'node:http'
import { connect as connectTcp, type AddressInfo, type Socket } from 'node:net'
import { PassThrough, type Duplex } from 'node:stream'
import { createFrameReader, encodeFrames, MAX_PACKET_BYTES, type Frame } from '@syncline/protocol'
import { emptyBasis } from '@syncline/stm'
import { afterEach, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { createMemoryStorage, createRelay, type LogStorage, type Relay, type RelayLimits } from '../src/index.ts'
import { attachRelay, isLoopback, listen, type Attachment, type OtherSockets } from '../src/node.ts'
import { gatedStorage } from './gated.ts'
import { ann, record, run, sums, until } from './kit.ts'

interface Running {
  readonly relay: Relay
  readonly server: Server
  readonly port: number
  stop(): Promise<void>
}

const running: Running[] = []
afterEach(async () => {
  for (const each of running.splice(0)) await each.stop()
})

async function start(
  origins?: readonly string[],
  host = '127.0.0.1',
  limits: Partial<RelayLimits> = {},
  storage: LogStorage = createMemoryStorage(),
): Promise<Running> {
  const server = createServer()
  const relay = createRelay({ storage, limits })
  const attachment: Attachment = attachRelay(server, relay, { origins })
  const { port } = await listen(server, 0, host)
  const started: Running = {
    relay,
    server,
    port,
    async stop() {
      await relay.close()
      await attachment.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  running.push(started)
  return started
}

interface SocketClient {
  readonly socket: WebSocket
  readonly heard: Frame[]
  readonly messages: number[]
  closed: number | undefined
  say(...frames: Frame[]): void
}

const hello: Frame = { type: 'hello', protocol: 1, oldest: 1, agent: 'test', schema: 1, credential: new Uint8Array(0) }
const open: Frame = { type: 'open', channel: 1, space: 'board', basis: emptyBasis }

async function dial(port: number, path = '/sync', headers: Record<string, string> = {}): Promise<SocketClient> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers })
  const reader = createFrameReader({ maxPacketBytes: 64 * 1024 * 1024 })
  const client: SocketClient = {
    socket,
    heard: [],
    messages: [],
    closed: undefined,
    say: (...frames) => encodeFrames(frames, 1024 * 1024).forEach((message) => socket.send(message)),
  }
  socket.on('message', (message: Buffer) => {
    client.messages.push(message.length)
    client.heard.push(...reader.push(message))
  })
  socket.on('close', (code) => (client.closed = code))
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('error', reject)
  })
  socket.on('error', () => (client.closed ??= 1006))
  return client
}

function recordsOf(client: SocketClient): Uint8Array[] {
  return client.heard.flatMap((frame) => (frame.type === 'changes' ? frame.records : []))
}

test('[RL1] two sockets: Changes of one reach the other, a long one in messages of at most 1 MiB', async () => {
  const { port } = await start()
  const [a, b] = [await dial(port), await dial(port)]
  for (const client of [a, b]) client.say(hello, open)
  await until(() => [a, b].every((client) => client.heard.some(({ type }) => type === 'basis')))
  const records = [...run(ann, 1, 20), record(ann, 21, { payload: 'x'.repeat(3_000_000) })]
  a.say({ type: 'changes', channel: 1, first: 0, records })
  await until(() => recordsOf(b).length === 21)
  expect(sums(recordsOf(b))).toEqual(sums(records))
  expect(Math.max(...b.messages)).toBeLessThanOrEqual(1024 * 1024)
})

test('[RL1] messages of all lengths at which their frames are made otherwise arrive as they were', async () => {
  const { port } = await start()
  const [a, b] = [await dial(port), await dial(port)]
  for (const client of [a, b]) client.say(hello, open)
  await until(() => [a, b].every(({ heard }) => heard.some(({ type }) => type === 'basis')))
  const payloads = [126, 32 * 1024, 65_536].flatMap((bound) => [bound - 110, bound - 80, bound - 1, bound])
  const records = payloads.map((length, i) => record(ann, i + 1, { payload: 'x'.repeat(length) }))
  for (const [i, each] of records.entries()) {
    a.say({ type: 'changes', channel: 1, first: 0, records: [each] })
    // Each in a message of its own.
    await until(() => recordsOf(b).length > i)
  }
  expect(sums(recordsOf(b))).toEqual(sums(records))
})

test('[RL27] random bytes, text and a message that is too long end one socket and no other', async () => {
  const { port, relay } = await start()
  const honest = await dial(port)
  honest.say(hello, open)
  const noise: readonly [string | Uint8Array, number][] = [
    [new Uint8Array([7, 200, 3]), 4400],
    ['{"hello":true}', 4400],
    ['', 4400],
    [new Uint8Array(1024 * 1024 + 1), 1009],
  ]
  for (const [bytes, code] of noise) {
    const rude = await dial(port)
    rude.socket.send(bytes)
    await until(() => rude.closed !== undefined)
    expect(rude.closed).toBe(code)
  }
  const cut = await dial(port)
  cut.socket.terminate()
  const raw = connectTcp(port, '127.0.0.1')
  raw.resume()
  raw.on('error', () => {})
  raw.end(Buffer.from([1, 2, 3, 255, 0, 13, 10, 13, 10]))
  await new Promise((resolve) => raw.once('close', resolve))
  honest.say({ type: 'changes', channel: 1, first: 0, records: [record(ann, 1)] })
  await until(() => honest.heard.some(({ type }) => type === 'acknowledgement') && relay.load.sessions === 1)
})

test('[RL27] frames of WebSocket that break its rules end that socket only', async () => {
  const { port, relay } = await start()
  const honest = await dial(port)
  honest.say(hello, open)
  for (const bytes of [
    [0x83, 0x80],
    [0x82, 0x01, 0x00],
    [0xff, 0xff, 0xff, 0xff],
  ]) {
    const rude = await dial(port)
    const { _socket: tcp } = rude.socket as unknown as { readonly _socket: NodeJS.WritableStream }
    tcp.write(Buffer.from(bytes))
    await until(() => rude.closed !== undefined)
  }
  honest.say({ type: 'ping', token: 3 })
  await until(() => honest.heard.some(({ type }) => type === 'pong') && relay.load.sessions === 1)
  expect(honest.closed).toBeUndefined()
})

test('[RL82] what it says to have sent is what comes over a socket', async () => {
  const { port } = await start()
  const [client, other] = [await dial(port), await dial(port)]
  const counts: { readonly said: number; readonly came: number }[] = []
  const reader = createFrameReader({ maxPacketBytes: MAX_PACKET_BYTES })
  let came = 0
  client.socket.on('message', (message: Buffer) => {
    for (const frame of reader.push(message)) if (frame.type === 'sent') counts.push({ said: frame.bytes, came })
    came += message.length
  })
  for (const { say } of [client, other]) say(hello, open)
  for (let seq = 1; seq <= 3; seq++) {
    // Longer than what the relay gathers for a socket, and in parts.
    other.say({
      type: 'changes',
      channel: 1,
      first: 0,
      records: [record(ann, seq, { payload: 'x'.repeat(seq ** 4 * 20_000) })],
    })
    await until(() => client.heard.filter(({ type }) => type === 'changes').length === seq)
    client.say({ type: 'ping', token: seq })
    await until(() => counts.length === seq)
  }
  expect(counts.at(-1)!.came).toBeGreaterThan(1_900_000)
  expect(counts.map(({ said }) => said)).toEqual(counts.map((count) => count.came))
})

test('[RL37] only /sync is a socket, also for addresses that are none', async () => {
  const { port } = await start()
  await expect(dial(port, '/other')).rejects.toThrow('404')
  const client = await dial(port, '/sync?from=test')
  expect(client.socket.readyState).toBe(WebSocket.OPEN)
  const status = await new Promise((resolve, reject) => {
    const upgrade = { connection: 'Upgrade', upgrade: 'websocket' }
    const asked = request({ port, host: '127.0.0.1', path: '//', headers: upgrade })
    asked.on('response', ({ statusCode }) => resolve(statusCode))
    asked.on('error', reject)
    asked.end()
  })
  expect(status).toBe(404)
})

test('[RL37] pages of foreign origins may not connect, also under a name that points here', async () => {
  const { port } = await start(['https://board.example'])
  for (const origin of [
    'https://evil.example',
    'null',
    'http://127.0.0.1.evil.example',
    `http://board.example:${port}`,
  ]) {
    await expect(dial(port, '/sync', { origin, host: `board.example:${port}` })).rejects.toThrow('403')
  }
  for (const origin of [
    'https://board.example',
    `http://localhost:${port}`,
    'http://127.0.0.1:5173',
    'http://[::1]:80',
  ]) {
    expect((await dial(port, '/sync', { origin })).socket.readyState).toBe(WebSocket.OPEN)
  }
  const everywhere = await start(undefined, '0.0.0.0')
  const host = `board.example:${everywhere.port}`
  expect((await dial(everywhere.port, '/sync', { origin: `http://${host}`, host })).socket.readyState).toBe(
    WebSocket.OPEN,
  )
  await expect(dial(everywhere.port, '/sync', { origin: 'http://evil.example', host })).rejects.toThrow('403')
})

test('[RL98] others on the same server take the sockets for their paths, from the origins that may connect', async () => {
  const server = createServer()
  const relay = createRelay({ storage: createMemoryStorage() })
  const taken: (string | undefined)[] = []
  const other: OtherSockets = {
    takes: (path) => path.startsWith('/other/'),
    upgrade(request, socket) {
      taken.push(request.url)
      socket.end('HTTP/1.1 418 Taken\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
    },
  }
  const attachment = attachRelay(server, relay, { others: [other] })
  const { port } = await listen(server, 0, '127.0.0.1')
  await expect(dial(port, '/other/a?b')).rejects.toThrow('418')
  await expect(dial(port, '/other')).rejects.toThrow('404')
  await expect(dial(port, '/other/a', { origin: 'https://evil.example' })).rejects.toThrow('403')
  expect(taken).toEqual(['/other/a?b'])
  await relay.close()
  await attachment.close()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

test('[RL37] [RL89] who may connect, by where they come from and what their page is', async () => {
  const answers = async (asks: boolean, remoteAddress: string, origin: string | undefined): Promise<string> => {
    const server = createServer()
    const relay = createRelay({
      storage: createMemoryStorage(),
      ...(asks && { authenticate: () => ({ principal: '' }) }),
    })
    const attachment = attachRelay(server, relay, { path: '/sync', origins: ['https://board.example'] })
    await listen(server, 0, '127.0.0.1')
    const socket = new PassThrough()
    const headers = { host: 'board.example', ...(origin !== undefined && { origin }) }
    // Of a plain request nothing comes of it but what it is answered: 400 where it is let through.
    server.emit('upgrade', { url: '/sync', method: 'GET', headers, socket: { remoteAddress } }, socket, Buffer.alloc(0))
    const [answer] = (await once(socket, 'data')) as [Buffer]
    await relay.close()
    await attachment.close()
    await new Promise((resolve) => server.close(resolve))
    return answer.toString().slice(9, 12)
  }
  const taken = '400'
  const origins = [
    [undefined, taken],
    ['https://board.example', taken],
    ['http://localhost:5173', taken],
    ['null', '403'],
    ['', '403'],
    ['board.example', '403'],
    ['https://', '403'],
    ['https://board.example.evil.example', '403'],
    ['https://evilboard.example', '403'],
    ['https://board.example:444', '403'],
    ['http://board.example', '403'],
    ['https://board.example@evil.example', '403'],
    ['https://board.example, https://evil.example', '403'],
    ['file://', '403'],
  ] as const
  for (const [origin, expected] of origins) {
    for (const [asks, from, isIn] of [
      [true, '192.0.2.1', true],
      [false, '127.0.0.1', true],
      [false, '::ffff:127.0.0.1', true],
      [false, '192.0.2.1', false],
      [false, '2001:db8::1', false],
    ] as const) {
      const name = { origin, asks, from }
      expect({ ...name, answer: await answers(asks, from, origin) }).toEqual({
        ...name,
        answer: isIn ? expected : '403',
      })
    }
  }
})

test('[RL37] what is loopback', () => {
  for (const host of ['127.0.0.1', '127.9.9.9', '::1', '[::1]', 'localhost', 'app.localhost', '::ffff:127.0.0.1']) {
    expect([host, isLoopback(host)]).toEqual([host, true])
  }
  for (const host of [
    '0.0.0.0',
    '::',
    '192.168.0.1',
    '127.0.0.1.example.com',
    'localhost.example',
    'notlocalhost',
    '',
  ]) {
    expect([host, isLoopback(host)]).toEqual([host, false])
  }
})

test('[RL38] a port in use, and an address that is not ours, are said', async () => {
  const { port } = await start()
  await expect(listen(createServer(), port, '127.0.0.1')).rejects.toMatchObject({ code: 'port-unavailable' })
  await expect(listen(createServer(), 0, '203.0.113.1')).rejects.toMatchObject({ code: 'port-unavailable' })
  const free = createServer()
  const { port: other }: AddressInfo = await listen(free, 0, '127.0.0.1')
  expect(other).toBeGreaterThan(0)
  await new Promise((resolve) => free.close(resolve))
})

test('[RL16] a socket that is not read from is bounded in memory and cut off in the end', async () => {
  const limits = { stuckTimeoutMs: 300, maxFrameBytes: 64 * 1024, highWaterBytes: 256 * 1024 }
  const { relay, port } = await start(undefined, undefined, limits)
  const [a, stuck] = [await dial(port), await dial(port)]
  for (const client of [a, stuck]) client.say(hello, open)
  await until(() => [a, stuck].every((client) => client.heard.some(({ type }) => type === 'basis')))
  stuck.socket.pause()
  const payload = 'x'.repeat(200_000)
  for (let seq = 1; seq <= 100; seq++)
    a.say({ type: 'changes', channel: 1, first: 0, records: [record(ann, seq, { payload })] })
  await until(() => a.heard.filter(({ type }) => type === 'acknowledgement').length > 0)
  await until(() => relay.load.sessions === 1, 'the stuck session ends')
  expect(recordsOf(stuck).length).toBeLessThan(100)
  const fresh = await dial(port)
  fresh.say(hello, open)
  await until(() => recordsOf(fresh).length === 100)
})

test('[RL16] a socket that is read from again gets all that it has missed, once and in order', async () => {
  // No time limit is what is looked at here.
  const { relay, port } = await start(undefined, undefined, { stuckTimeoutMs: 600_000, silenceTimeoutMs: 600_000 })
  const [writer, other, slow] = [await dial(port), await dial(port), await dial(port)]
  for (const client of [writer, other, slow]) client.say(hello, open)
  await until(() => [writer, other, slow].every(({ heard }) => heard.some(({ type }) => type === 'basis')))
  slow.socket.pause()
  const payload = 'x'.repeat(200_000)
  const records = Array.from({ length: 100 }, (_, i) => record(ann, i + 1, { payload }))
  for (const each of records) writer.say({ type: 'changes', channel: 1, first: 0, records: [each] })
  await until(() => recordsOf(other).length === 100, 'the others are told all')
  expect(recordsOf(slow).length).toBeLessThan(100)
  slow.socket.resume()
  await until(() => recordsOf(slow).length >= 100, 'the slow one is told all')
  slow.say({ type: 'ping', token: 1 })
  await until(() => tokens(slow).length === 1)
  expect(sums(recordsOf(slow))).toEqual(sums(records))
  expect(slow.closed).toBeUndefined()
  expect(relay.load.sessions).toBe(3)
})

test('[RL28] a socket is read from no further while too much of what it sent is not stored', async () => {
  const storage = gatedStorage()
  const { server, port } = await start(undefined, undefined, { maxUnstoredBytes: 100_000 }, storage)
  let accepted: Socket | undefined
  server.on('connection', (socket: Socket) => (accepted = socket))
  const client = await dial(port)
  client.say(hello, open)
  await until(() => client.heard.some(({ type }) => type === 'basis'))
  storage.hold()
  expect(accepted!.isPaused()).toBe(false)
  const payload = 'x'.repeat(20_000)
  for (let seq = 1; seq <= 20; seq++)
    client.say({ type: 'changes', channel: 1, first: 0, records: [record(ann, seq, { payload })] })
  await until(() => accepted!.isPaused())
  storage.open()
  const stored = (): number =>
    client.heard.reduce((sum, frame) => sum + (frame.type === 'acknowledgement' ? frame.count : 0), 0)
  await until(() => stored() === 20)
  expect(accepted!.isPaused()).toBe(false)
})

test('[RL65] what many do at the same moment is one write to each socket, and so is what one asks in one piece', async () => {
  const { server, port } = await start()
  /** In which turn of the event loop something was written to each socket. */
  const writes: number[][] = []
  let turn = 0
  server.on('connection', (socket) => {
    const turns: number[] = []
    writes.push(turns)
    const write = socket.write.bind(socket)
    socket.write = ((...args: Parameters<typeof write>) => {
      turns.push(turn)
      return write(...args)
    }) as typeof socket.write
  })
  const clients: SocketClient[] = []
  for (let i = 0; i < 10; i++) clients.push(await dial(port))
  for (const client of clients) client.say(hello, open)
  await until(() => clients.every(({ heard }) => heard.some(({ type }) => type === 'basis')))
  const count = (): void => {
    turn++
    counting = setImmediate(count)
  }
  let counting = setImmediate(count)
  for (const turns of writes) turns.length = 0

  const session = '0'.repeat(32)
  for (let slot = 0; slot < 3; slot++) {
    for (const client of clients)
      client.say({ type: 'presence', channel: 1, session, slot, payload: new Uint8Array(20) })
  }
  await until(() => clients.every(({ heard }) => heard.filter(({ type }) => type === 'presence').length === 27))
  const asking = clients[0]!
  ask(asking, 20)
  await until(() => tokens(asking).at(-1) === 20)
  clearImmediate(counting)
  expect(writes.map((turns) => turns.length - new Set(turns).size)).toEqual(writes.map(() => 0))
  expect(writes.every((turns) => turns.length > 0)).toBe(true)
  expect(tokens(asking)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1))
})

test('[RL65] what has gathered for a socket counts as on its way to it', async () => {
  const { port } = await start(undefined, undefined, { highWaterBytes: 50 })
  const client = await dial(port)
  client.say(hello)
  await until(() => client.heard.some(({ type }) => type === 'welcome'))
  ask(client, 20)
  // Above the mark the relay answers the last one, when the others are gone (RL26).
  await until(() => tokens(client).at(-1) === 20)
  expect(tokens(client).length).toBeLessThan(15)
})

/** Pings so many times, in one piece. */
function ask({ socket, say }: SocketClient, count: number): void {
  const { _socket: tcp } = socket as unknown as { readonly _socket: Duplex }
  tcp.cork()
  for (let token = 1; token <= count; token++) say({ type: 'ping', token })
  tcp.uncork()
}

function tokens({ heard }: SocketClient): number[] {
  return heard.flatMap((frame) => (frame.type === 'pong' ? [frame.token] : []))
}
