import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { resolveAddress } from '../src/address.ts'
import { fitReason } from '../src/closing.ts'
import { websocket, WebSocketTransportError } from '../src/index.ts'

test('an address is resolved against the page, with the scheme of a WebSocket', () => {
  const page = 'https://example.org/app/index.html?x=1#top'
  const cases: readonly (readonly [string, string])[] = [
    ['/sync', 'wss://example.org/sync'],
    ['sync', 'wss://example.org/app/sync'],
    ['?room=1', 'wss://example.org/app/index.html?room=1'],
    ['//other.example/sync', 'wss://other.example/sync'],
    ['ws://localhost:8080', 'ws://localhost:8080/'],
    ['wss://relay.example/a?b=c#d', 'wss://relay.example/a?b=c'],
    ['http://localhost:8080/sync', 'ws://localhost:8080/sync'],
    ['https://relay.example:444/', 'wss://relay.example:444/'],
  ]
  for (const [url, address] of cases) expect(resolveAddress(url, page)).toBe(address)
  expect(resolveAddress('/sync', 'http://localhost:5173/')).toBe('ws://localhost:5173/sync')
})

test('what cannot be an address is refused when the transport is made, with what to do', () => {
  const refused = (url: string): unknown => {
    try {
      return websocket(url, { WebSocket })
    } catch (error) {
      return error
    }
  }
  for (const url of ['/sync', '', 'ftp://example.org', 'wss://', 'http://[', 'javascript:alert(1)', 'data:,x']) {
    const error = refused(url)
    expect(error).toBeInstanceOf(WebSocketTransportError)
    expect(error).toMatchObject({ code: 'invalid-url' })
  }
  expect(refused('/sync')).toMatchObject({ message: expect.stringContaining('"wss://example.org/sync"') })
  expect(refused('ftp://example.org')).toMatchObject({ message: expect.stringContaining('ws: or wss:') })
})

test('subprotocols that cannot be offered are refused', () => {
  for (const protocols of [['a b'], [''], ['a', 'a'], ['ä'], ['a,b']]) {
    expect(() => websocket('ws://localhost', { WebSocket, protocols })).toThrow(
      expect.objectContaining({ code: 'invalid-protocol' }),
    )
  }
})

test('without a WebSocket one is told to give one', () => {
  const platform = globalThis as { WebSocket?: unknown }
  const own = Object.getOwnPropertyDescriptor(platform, 'WebSocket')
  delete platform.WebSocket
  try {
    expect(() => websocket('ws://localhost')).toThrow(expect.objectContaining({ code: 'no-websocket' }))
  } finally {
    if (own !== undefined) Object.defineProperty(platform, 'WebSocket', own)
  }
})

test('a reason is cut to 123 bytes, never inside a character', () => {
  expect(fitReason('short')).toBe('short')
  expect(fitReason('x'.repeat(123))).toBe('x'.repeat(123))
  expect(fitReason('x'.repeat(124))).toBe('x'.repeat(123))
  expect(fitReason('€'.repeat(50))).toBe('€'.repeat(41))
  expect(fitReason(`x${'😀'.repeat(40)}`)).toBe(`x${'😀'.repeat(30)}`)
  expect(fitReason(`xx${'€'.repeat(50)}`)).toBe(`xx${'€'.repeat(40)}`)
})
