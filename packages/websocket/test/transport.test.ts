import { transportContract } from '@syncline/store/contracts'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { websocket } from '../src/index.ts'
import { startServer } from './server.ts'

transportContract('websocket, on the sockets of ws', async () => {
  const server = await startServer()
  return {
    transport: websocket(server.url, { WebSocket }),
    unanswered: websocket('ws://127.0.0.1:9', { WebSocket }),
    accept: server.accept,
    dispose: server.close,
  }
})

const patient = { timeout: 10_000 }

interface Told {
  readonly opened: number
  readonly messages: number
  readonly closed: (readonly [code: number, reason: string])[]
}

function observe(): { readonly told: Told; readonly events: Parameters<ReturnType<typeof websocket>['connect']>[0] } {
  const told = { opened: 0, messages: 0, closed: [] as (readonly [number, string])[] }
  const events = {
    onOpen: () => void told.opened++,
    onMessage: () => void told.messages++,
    onClose: (code: number, reason: string) => void told.closed.push([code, reason]),
  }
  return { told, events }
}

test('text is refused with 4400 and a reason, on both sides', async () => {
  const server = await startServer()
  const arrived = server.accept()
  const { told, events } = observe()
  websocket(server.url, { WebSocket }).connect(events)
  const far = await arrived
  far.sendText('hello')
  await expect.poll(() => told.closed, patient).toEqual([[4400, 'Messages are binary; a text frame came.']])
  await expect.poll(() => far.closed, patient).toEqual([4400, 'Messages are binary; a text frame came.'])
  expect(told).toMatchObject({ opened: 1, messages: 0 })
  await server.close()
})

test('a close that is never answered is over here at once', async () => {
  const server = await startServer()
  const arrived = server.accept()
  const { told, events } = observe()
  const connection = websocket(server.url, { WebSocket }).connect(events)
  const far = await arrived
  await expect.poll(() => told.opened, patient).toBe(1)
  far.pause()
  connection.send(new Uint8Array(100))
  connection.close(4000, 'enough')
  expect(told.closed).toEqual([])
  await Promise.resolve()
  expect(told.closed).toEqual([[4000, 'enough']])
  expect(connection.bufferedBytes).toBe(0)
  far.drop()
  await server.close()
  expect(told.closed.length).toBe(1)
})

test('what is sent to a reader that does not read is counted', async () => {
  const server = await startServer()
  const arrived = server.accept()
  const { told, events } = observe()
  const connection = websocket(server.url, { WebSocket }).connect(events)
  expect(connection.bufferedBytes).toBe(0)
  const far = await arrived
  await expect.poll(() => told.opened, patient).toBe(1)
  far.pause()
  for (let i = 0; i < 32; i++) connection.send(new Uint8Array(1 << 20))
  expect(connection.bufferedBytes).toBeGreaterThan(1 << 20)
  far.drop()
  await expect.poll(() => told.closed.length, patient).toBe(1)
  expect(connection.bufferedBytes).toBe(0)
  await server.close()
})

test('an attempt that is given up leaves no connection at the server', async () => {
  const server = await startServer()
  const { told, events } = observe()
  const transport = websocket(server.url, { WebSocket })
  for (let i = 0; i < 20; i++) transport.connect(events).close()
  await expect.poll(() => told.closed.length, patient).toBe(20)
  expect(told.opened).toBe(0)
  await expect.poll(() => server.openCount(), patient).toBe(0)
  await server.close()
})

test('a function is asked for each attempt, and subprotocols are offered', async () => {
  const server = await startServer()
  let asked = 0
  const transport = websocket(() => `${server.url}/sync?attempt=${++asked}`, { WebSocket, protocols: ['one', 'two'] })
  expect(asked).toBe(0)
  for (const attempt of [1, 2]) {
    const arrived = server.accept()
    const { told, events } = observe()
    const connection = transport.connect(events)
    const far = await arrived
    await expect.poll(() => told.opened, patient).toBe(1)
    expect([far.path, far.protocol]).toEqual([`/sync?attempt=${attempt}`, 'one'])
    connection.close()
  }
  await server.close()
})

test('an address that comes too late to be refused ends its attempt', async () => {
  const addresses = ['not an address', 'ftp://example.org']
  const transport = websocket(() => addresses.shift()!, { WebSocket })
  for (const reason of ['not an address', 'ftp:']) {
    const { told, events } = observe()
    const connection = transport.connect(events)
    expect(told.closed).toEqual([])
    connection.send(Uint8Array.of(1))
    connection.close()
    await expect.poll(() => told.closed.length, patient).toBe(1)
    expect(told.closed[0]![0]).toBe(1006)
    expect(told.closed[0]![1]).toContain(reason)
  }
})

test('where nobody answers, Node says why', async () => {
  const { told, events } = observe()
  websocket('ws://127.0.0.1:9', { WebSocket }).connect(events)
  await expect.poll(() => told.closed.length, patient).toBe(1)
  expect(told.closed[0]![1]).toContain('ECONNREFUSED')
})

test('codes that a page may not send are refused', async () => {
  const server = await startServer()
  const { events, told } = observe()
  const connection = websocket(server.url, { WebSocket }).connect(events)
  for (const code of [0, 999, 1001, 1006, 2999, 5000, 4000.5, NaN]) {
    expect(() => connection.close(code)).toThrow(expect.objectContaining({ code: 'invalid-close-code' }))
  }
  connection.close(3000)
  await expect.poll(() => told.closed, patient).toEqual([[3000, '']])
  await server.close()
})
