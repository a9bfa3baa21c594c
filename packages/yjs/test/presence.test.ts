import type { PresencePort } from '@syncline/store'
import * as encoding from 'lib0/encoding'
import fc from 'fast-check'
import { afterEach, expect, test, vi } from 'vitest'
import * as Y from 'yjs'
import { yjsPresence } from '../src/presence.ts'
import type { YjsPresence } from '../src/presence.ts'
import { openDocumentAwareness } from '../src/document-awareness.ts'
import type { CursorPlace } from '../src/document-awareness.ts'

/** A relay of presence with a clock of its own: it remembers the last payload of each peer and tells newcomers. */
class Lobby {
  nowMs = 1_000_000
  #random = 100
  readonly #peers = new Map<
    string,
    { payload: Uint8Array | null; listener: (peer: string, payload: Uint8Array | null) => void }
  >()
  readonly #timers = new Set<{ at: number; fn: () => void }>()

  join(peer: string): { presence: YjsPresence; port: PresencePort; sent: (Uint8Array | null)[] } {
    const sent: (Uint8Array | null)[] = []
    const entry = {
      payload: null as Uint8Array | null,
      listener: (() => {}) as (peer: string, payload: Uint8Array | null) => void,
    }
    const port: PresencePort = {
      publish: (payload) => {
        sent.push(payload)
        this.say(peer, payload)
      },
      onPayload: (listener) => {
        entry.listener = listener
        for (const [other, { payload }] of this.#peers) if (other !== peer && payload !== null) listener(other, payload)
        return () => (entry.listener = () => {})
      },
      randomUint32: () => this.#random++,
      nowMs: () => this.nowMs,
      setTimer: (delayMs, fn) => {
        const timer = { at: this.nowMs + delayMs, fn }
        this.#timers.add(timer)
        return () => this.#timers.delete(timer)
      },
    }
    this.#peers.set(peer, entry)
    return { presence: yjsPresence()(port), port, sent }
  }

  /** What the relay passes on: a payload of a peer, or that it is gone. */
  say(peer: string, payload: Uint8Array | null): void {
    const entry = this.#peers.get(peer)
    if (entry !== undefined) entry.payload = payload
    for (const [other, { listener }] of this.#peers) if (other !== peer) listener(peer, payload)
  }

  get timers(): number {
    return this.#timers.size
  }

  pass(ms: number): void {
    const until = this.nowMs + ms
    for (;;) {
      const due = [...this.#timers].filter((timer) => timer.at <= until).sort((a, b) => a.at - b.at)[0]
      if (due === undefined) break
      this.#timers.delete(due)
      this.nowMs = due.at
      due.fn()
    }
    this.nowMs = until
  }
}

const payloadOf = (...entries: [client: number, clock: number, state: unknown][]): Uint8Array => {
  const encoder = encoding.createEncoder()
  encoding.writeVarUint(encoder, entries.length)
  for (const [client, clock, state] of entries) {
    encoding.writeVarUint(encoder, client)
    encoding.writeVarUint(encoder, clock)
    encoding.writeVarString(encoder, typeof state === 'string' ? state : JSON.stringify(state))
  }
  return encoding.toUint8Array(encoder)
}

const others = (presence: YjsPresence): unknown[] =>
  [...presence.peers()].filter(([id]) => id !== presence.self).map(([, state]) => state)

afterEach(() => vi.useRealTimers())

const placeOf = (address: string): CursorPlace => ({ address, isRoot: (name) => name === 'text' })

test('everybody sees everybody, newcomers too', () => {
  const lobby = new Lobby()
  const a = lobby.join('a').presence
  a.set({ user: { name: 'Ada' } })
  const b = lobby.join('b').presence
  b.set({ user: { name: 'Bob' } })
  b.set({ place: 3 })
  expect(others(a)).toEqual([{ user: { name: 'Bob' }, place: 3 }])
  expect(others(b)).toEqual([{ user: { name: 'Ada' } }])
  expect(a.peers().get(a.self)).toEqual({ user: { name: 'Ada' } })
})

test('peers() is the same map until somebody changes, and listeners are told', () => {
  const lobby = new Lobby()
  const a = lobby.join('a').presence
  const b = lobby.join('b').presence
  let calls = 0
  const unsubscribe = a.subscribe(() => calls++)
  const before = a.peers()
  b.awareness.setLocalState(b.awareness.getLocalState())
  expect(a.peers()).toBe(before)
  b.set({ place: 1 })
  expect(a.peers()).not.toBe(before)
  expect(before.get(b.self)).toEqual({})
  a.set({ place: 2 })
  expect(calls).toBe(2)
  unsubscribe()
  b.set({ place: 3 })
  expect(calls).toBe(2)
})

test('a peer that is gone disappears at once, and is there at once when it comes back with the same clock', () => {
  const lobby = new Lobby()
  const a = lobby.join('a').presence
  const { presence: b, sent } = lobby.join('b')
  b.set({ place: 1 })
  lobby.say('b', null)
  expect(others(a)).toEqual([])
  lobby.say('b', sent.at(-1)!)
  expect(others(a)).toEqual([{ place: 1 }])
  lobby.say('b', payloadOf([b.self, 0, { place: 0 }]))
  expect(others(a)).toEqual([{ place: 0 }])
})

test('those who have gone leave nothing behind', () => {
  const lobby = new Lobby()
  const a = lobby.join('a').presence
  for (let i = 0; i < 100; i++) {
    lobby.say(`guest ${i}`, payloadOf([1000 + i, 1, {}]))
    lobby.say(`guest ${i}`, null)
  }
  expect([a.awareness.states.size, a.awareness.meta.size]).toEqual([1, 1])
})

test('a session that is back under another name before its end was told is seen when it is', () => {
  const lobby = new Lobby()
  const a = lobby.join('a').presence
  lobby.say('b1', payloadOf([7, 5, { place: 1 }]))
  lobby.say('b2', payloadOf([7, 6, { place: 2 }]))
  expect(others(a)).toEqual([{ place: 1 }])
  lobby.say('b1', null)
  expect(others(a)).toEqual([{ place: 2 }])
  lobby.say('b2', null)
  expect(others(a)).toEqual([])
})

test('nobody speaks for another, nor for us', () => {
  const lobby = new Lobby()
  const a = lobby.join('a').presence
  a.set({ user: 'a' })
  const b = lobby.join('b').presence
  b.set({ user: 'b' })
  const own = a.awareness.meta.get(a.self)!.clock
  lobby.say('c', payloadOf([a.self, 99, { user: 'forged' }]))
  lobby.say('c', payloadOf([a.self, 99, null]))
  lobby.say('c', payloadOf([b.self, 99, { user: 'forged' }]))
  expect(others(a)).toEqual([{ user: 'b' }])
  expect(a.peers().get(a.self)).toEqual({ user: 'a' })
  expect(a.awareness.meta.get(a.self)!.clock).toBe(own)
  // Whoever began with one id stays with it.
  lobby.say('d', payloadOf([50, 1, { user: 'd' }]))
  lobby.say('d', payloadOf([51, 1, { user: 'second' }]))
  lobby.say('d', payloadOf([51, 2, { user: 'second' }], [50, 2, { user: 'd again' }]))
  expect(others(a)).toEqual([{ user: 'b' }, { user: 'd again' }])
})

test('payloads that make no sense change nothing and throw nothing', () => {
  const lobby = new Lobby()
  const a = lobby.join('a').presence
  let malformed = 0
  const before = a.peers()
  for (const payload of [
    new Uint8Array(),
    new Uint8Array([1]),
    new Uint8Array([255, 255, 255, 255, 255, 255, 255, 255, 255, 255]),
    payloadOf([9, 1, '{']),
    payloadOf([9, 1, '[1]']),
    payloadOf([9, 1, '"x"']),
    payloadOf([9, 1, '5']),
    payloadOf([9, 1, { long: 'x'.repeat(9000) }]),
    new Uint8Array([1, 9, 1, 3, 0xff, 0xff, 0xff]),
  ]) {
    lobby.say('bad', payload)
    malformed++
  }
  expect(malformed).toBe(9)
  expect(a.peers()).toBe(before)
  lobby.say('bad', payloadOf([9, 1, '{"__proto__":{"x":1},"a":1}']))
  expect(Object.getPrototypeOf(a.peers().get(9))).toBe(Object.prototype)
  expect(({} as { x?: number }).x).toBeUndefined()
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      lobby.say('noise', bytes)
    }),
    { seed: 20266, numRuns: 2000 },
  )
  expect(a.peers().has(a.self)).toBe(true)
})

test('our state is renewed every 15 seconds, a peer that is silent for 75 is gone, and no timer is left', () => {
  vi.useFakeTimers()
  const lobby = new Lobby()
  const { presence: a, sent } = lobby.join('a')
  expect(vi.getTimerCount()).toBe(0)
  lobby.say('b', payloadOf([7, 1, { place: 1 }]))
  const before = sent.length
  lobby.pass(60_000)
  expect(sent.length - before).toBe(4)
  expect(new Set(sent.map((payload) => payload![2])).size).toBe(sent.length)
  expect(others(a).length).toBe(1)
  lobby.pass(15_000)
  expect(others(a).length).toBe(0)
  lobby.say('b', payloadOf([7, 1, { place: 1 }]))
  expect(others(a).length).toBe(1)
  a.close()
  expect(lobby.timers).toBe(0)
})

test('close says good-bye, once, and ends everything', () => {
  const lobby = new Lobby()
  const a = lobby.join('a').presence
  const { presence: b, sent } = lobby.join('b')
  let calls = 0
  b.subscribe(() => calls++)
  b.close()
  b.close()
  b.set({ place: 1 })
  a.set({ place: 2 })
  expect(others(a)).toEqual([])
  expect(sent.filter((payload) => payload === null).length).toBe(1)
  expect(calls).toBe(1)
})

test('a listener that throws keeps the news from nobody', async () => {
  const lobby = new Lobby()
  const a = lobby.join('a').presence
  const b = lobby.join('b').presence
  const uncaught: unknown[] = []
  const listeners = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.on('uncaughtException', (error) => uncaught.push(error))
  let calls = 0
  a.subscribe(() => {
    throw new Error('first')
  })
  a.awareness.on('change', () => {
    throw new Error('second')
  })
  a.subscribe(() => calls++)
  b.set({ place: 1 })
  await new Promise((resolve) => setImmediate(resolve))
  process.removeAllListeners('uncaughtException')
  for (const listener of listeners) process.on('uncaughtException', listener)
  expect([calls, others(a), uncaught.length]).toEqual([1, [{ place: 1 }], 2])
})

test('a cursor is seen in its own text only', () => {
  const lobby = new Lobby()
  const a = lobby.join('a').presence
  const b = lobby.join('b').presence
  const doc = new Y.Doc()
  doc.getText('text').insert(0, 'abc')
  const cursor = {
    anchor: Y.createRelativePositionFromTypeIndex(doc.getText('text'), 1),
    head: Y.createRelativePositionFromTypeIndex(doc.getText('text'), 3),
  }
  const [one, two] = [
    openDocumentAwareness(b.awareness, placeOf('note/1')),
    openDocumentAwareness(b.awareness, placeOf('note/2')),
  ]
  one.setLocalStateField('cursor', cursor)
  one.setLocalStateField('user', { name: 'Bob', color: '#123456', colorLight: 'rgb(1 2 3 / 50%)', age: 5 })
  expect(one.getLocalState()!['cursor']).toMatchObject(cursor)
  expect(two.getLocalState()!['cursor']).toBeNull()
  const seen = [
    openDocumentAwareness(a.awareness, placeOf('note/1')),
    openDocumentAwareness(a.awareness, placeOf('note/2')),
  ]
  const states = seen.map((view) => view.getStates().get(b.self)!)
  expect(states.map((state) => state['user'])).toEqual(
    Array(2).fill({ name: 'Bob', color: '#123456', colorLight: 'rgb(1 2 3 / 50%)' }),
  )
  expect(states[1]!['cursor']).toBeNull()
  const { anchor, head } = states[0]!['cursor'] as { anchor: Y.RelativePosition; head: Y.RelativePosition }
  expect([anchor, head].map((at) => Y.createAbsolutePositionFromRelativePosition(at, doc)!.index)).toEqual([1, 3])
  expect(seen[0]!.getStates()).toBe(seen[0]!.getStates())

  two.setLocalStateField('cursor', cursor)
  expect(seen.map((view) => view.getStates().get(b.self)!['cursor'] !== null)).toEqual([false, true])
  one.setLocalStateField('cursor', null)
  one.close()
  expect(seen.map((view) => view.getStates().get(b.self)!['cursor'] !== null)).toEqual([false, true])
  two.close()
  expect(seen.map((view) => view.getStates().get(b.self)!['cursor'] !== null)).toEqual([false, false])
})

test('positions, colours and names that could harm an editor are not shown', () => {
  const lobby = new Lobby()
  const a = lobby.join('a').presence
  const view = openDocumentAwareness(a.awareness, placeOf('note'))
  const fine = { item: { client: 1, clock: 2 } }
  const cursors = [
    'x',
    5,
    { anchor: fine },
    { anchor: fine, head: 'x' },
    { anchor: fine, head: { item: { client: 1, clock: -1 } } },
    { anchor: fine, head: { item: { client: 1, clock: 1.5 } } },
    { anchor: fine, head: { item: 'x' } },
    { anchor: fine, head: { tname: 'other' } },
    { anchor: fine, head: { item: { client: 1, clock: 1 }, assoc: 'x' } },
  ]
  cursors.forEach((cursor, i) => {
    lobby.say(
      'b',
      payloadOf([
        7,
        i + 1,
        {
          cursor: typeof cursor === 'object' ? Object.assign({ in: 'note' }, cursor) : cursor,
          user: { color: 'x;y', name: 5 },
        },
      ]),
    )
    expect(view.getStates().get(7)).toEqual({ cursor: null, user: {} })
  })
  lobby.say(
    'b',
    payloadOf([
      7,
      50,
      { cursor: { anchor: fine, head: { tname: 'text' }, in: 'note' }, user: { name: 'y'.repeat(100) } },
    ]),
  )
  expect(view.getStates().get(7)).toEqual({
    cursor: {
      anchor: { type: null, tname: null, item: { client: 1, clock: 2 }, assoc: 0 },
      head: { type: null, tname: 'text', item: null, assoc: 0 },
    },
    user: { name: 'y'.repeat(64) },
  })
  for (const color of ['red;background:url(//x)', 'url(//x)', 'rgb(1);x', 'expression(1)', '#12345678901']) {
    lobby.say('b', payloadOf([7, 60, { user: { color } }]))
    expect(view.getStates().get(7)!['user']).toEqual({})
  }
})

test('listeners of a closed view are not called', () => {
  const lobby = new Lobby()
  const a = lobby.join('a').presence
  const view = openDocumentAwareness(a.awareness, placeOf('note'))
  let calls = 0
  const listener = (): void => void calls++
  view.on('change', listener)
  lobby.say('b', payloadOf([7, 1, { x: 1 }]))
  view.off('change', listener)
  lobby.say('b', payloadOf([7, 2, { x: 2 }]))
  view.on('change', listener)
  view.close()
  lobby.say('b', payloadOf([7, 3, { x: 3 }]))
  expect(calls).toBe(1)
})
