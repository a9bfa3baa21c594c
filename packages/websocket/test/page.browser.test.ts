import type { Connection } from '@syncline/store'
import { expect, onTestFinished, test } from 'vitest'
import { websocket } from '../src/index.ts'

const patient = { timeout: 10_000 }

/** The server of this page answers this subprotocol: it opens, and closes at once. */
const protocols = ['vite-ping']

interface Told {
  opened: number
  readonly closed: (readonly [code: number, reason: string])[]
}

interface Connected {
  readonly told: Told
  readonly connection: Connection
}

function connect(url: string, whenOpen: (connection: Connection) => void = () => undefined): Connected {
  const told: Told = { opened: 0, closed: [] }
  const connection: Connection = websocket(url, { protocols }).connect({
    onOpen() {
      told.opened++
      whenOpen(connection)
    },
    onMessage: () => undefined,
    onClose: (code, reason) => void told.closed.push([code, reason]),
  })
  onTestFinished(() => connection.close())
  return { told, connection }
}

function dispatch(target: EventTarget, event: Event): void {
  target.dispatchEvent(event)
}

test('a path is an address on the server of this page', async () => {
  const { told } = connect('/')
  expect(told).toEqual({ opened: 0, closed: [] })
  await expect.poll(() => told.closed.length, patient).toBe(1)
  expect(told).toEqual({ opened: 1, closed: [[1000, '']] })
})

test('an open connection closes with the code and reason given, once and not inside the call', async () => {
  let closedInside = -1
  const { told } = connect('/', (connection) => {
    connection.send(Uint8Array.of(1))
    connection.close(4000, 'bye')
    connection.close(4001, 'again')
    closedInside = told.closed.length
  })
  await expect.poll(() => told.closed, patient).toEqual([[4000, 'bye']])
  expect(closedInside).toBe(0)
})

test('reasons of any length and codes of any kind never break the browser', async () => {
  const codes: unknown[] = []
  const { told } = connect('/', (connection) => {
    for (const code of [1001, 1006, 2999, 5000]) {
      try {
        connection.close(code)
      } catch (error) {
        codes.push(error)
      }
    }
    connection.close(4999, '€'.repeat(100))
  })
  await expect.poll(() => told.closed.length, patient).toBe(1)
  expect(told.closed[0]![0]).toBe(4999)
  expect(codes.map((error) => (error as { code?: unknown }).code)).toEqual(Array(4).fill('invalid-close-code'))
})

test('where nobody answers, the attempt ends with 1006', async () => {
  const { told } = connect('ws://127.0.0.1:49151')
  await expect.poll(() => told.closed, patient).toEqual([[1006, '']])
  expect(told.opened).toBe(0)
})

test('an attempt that is given up ends once', async () => {
  const { told, connection } = connect('/')
  connection.close()
  await expect.poll(() => told.closed, patient).toEqual([[1000, '']])
  const next = connect('/')
  await expect.poll(() => next.told.opened, patient).toBe(1)
  expect(told).toEqual({ opened: 0, closed: [[1000, '']] })
})

test('a page that is left closes its connections, those that are open and those that are not yet', async () => {
  const leave = (persisted: boolean): void => dispatch(window, new PageTransitionEvent('pagehide', { persisted }))
  const open = connect('/', () => leave(true))
  await expect.poll(() => open.told, patient).toEqual({ opened: 1, closed: [[1000, 'page hidden']] })
  const early = connect('/')
  leave(false)
  await expect.poll(() => early.told, patient).toEqual({ opened: 0, closed: [[1000, 'page hidden']] })
  leave(true)
  const next = connect('/')
  await expect.poll(() => next.told, patient).toEqual({ opened: 1, closed: [[1000, '']] })
  expect([open.told.closed.length, early.told.closed.length]).toEqual([1, 1])
})

test('the network, the eye and the back button nudge', () => {
  let nudges = 0
  const stop = websocket('/').onNudge!(() => nudges++)
  const expectNudge = (target: EventTarget, event: Event, count: number): void => {
    const before = nudges
    dispatch(target, event)
    expect(nudges - before).toBe(count)
  }
  expectNudge(window, new Event('online'), 1)
  expectNudge(window, new PageTransitionEvent('pageshow', { persisted: true }), 1)
  expectNudge(window, new PageTransitionEvent('pageshow', { persisted: false }), 0)
  expectNudge(document, new Event('resume'), 1)
  expectNudge(document, new Event('visibilitychange'), document.visibilityState === 'visible' ? 1 : 0)
  Object.defineProperty(document, 'visibilityState', { value: 'hidden', configurable: true })
  expectNudge(document, new Event('visibilitychange'), 0)
  Object.defineProperty(document, 'visibilityState', { value: 'visible', configurable: true })
  expectNudge(document, new Event('visibilitychange'), 1)
  Reflect.deleteProperty(document, 'visibilityState')
  stop()
  expectNudge(window, new Event('online'), 0)
  expectNudge(window, new PageTransitionEvent('pageshow', { persisted: true }), 0)
})
