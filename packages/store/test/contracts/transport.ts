import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Connection, Transport } from '../../src/index.ts'

/** A transport to a far end that the test plays. */
export interface TransportUnderTest {
  readonly transport: Transport
  /** A transport to a place where nobody answers. */
  readonly unanswered: Transport
  /** Resolves to the far end of the next connection that arrives. */
  accept(): Promise<FarEnd>
  dispose(): Promise<void>
}

/** The other side of one connection. */
export interface FarEnd {
  readonly received: Uint8Array[]
  /** The code and reason of the close frame that came, 1006 when there was none. */
  readonly closed: readonly [code: number, reason: string] | undefined
  send(message: Uint8Array): void
  /** Closes with a frame that says why. */
  close(code: number, reason: string): void
  /** Drops the connection without a word. */
  drop(): void
}

/** Proves that a transport keeps what the port promises. */
export function transportContract(name: string, prepare: () => Promise<TransportUnderTest>): void {
  describe(`${name} is a Transport`, () => {
    let world: TransportUnderTest
    const connections: Connection[] = []

    beforeEach(async () => {
      world = await prepare()
    })

    afterEach(async () => {
      for (const connection of connections.splice(0)) connection.close()
      await world.dispose()
    })

    /** Connects and notes everything that happens, in order. */
    function connect(transport = world.transport): Noted {
      const events: Noted['events'] = []
      let isInside = true
      const note = (event: Noted['events'][number]): void => {
        events.push(isInside ? 'inside connect()' : event)
      }
      const connection = transport.connect({
        onOpen: () => note('open'),
        onMessage: (message) => note(message),
        onClose: (code, reason) => note([code, reason]),
      })
      isInside = false
      connections.push(connection)
      return { connection, events }
    }

    async function meet(): Promise<Noted & { readonly far: FarEnd }> {
      const arrived = world.accept()
      const near = connect()
      const far = await arrived
      await expect.poll(() => near.events, patient).toEqual(['open'])
      return { ...near, far }
    }

    test('messages arrive whole and in order, both ways, each owning its buffer', async () => {
      const { connection, events, far } = await meet()
      const messages = [0, 1, 5, 70_000, 300_000].map((length, i) => new Uint8Array(length).fill(i))
      for (const message of messages) {
        connection.send(message)
        far.send(message)
      }
      await expect.poll(() => far.received.length, patient).toBe(messages.length)
      await expect.poll(() => events.length, patient).toBe(messages.length + 1)
      expect(far.received.map(digest)).toEqual(messages.map(digest))
      const received = events.slice(1) as Uint8Array[]
      expect(received.map(digest)).toEqual(messages.map(digest))
      expect(received.map(({ buffer }) => buffer.byteLength)).toEqual(messages.map(({ length }) => length))
    })

    test('a view is sent as what it shows, as it was when it was sent', async () => {
      const { connection, far } = await meet()
      const large = Uint8Array.from({ length: 100 }, (_, i) => i)
      connection.send(large.subarray(10, 13))
      large.fill(0)
      await expect.poll(() => far.received, patient).toEqual([Uint8Array.of(10, 11, 12)])
    })

    test('what is sent before it is open, or after it is closed, is ignored', async () => {
      const arrived = world.accept()
      const { connection, events } = connect()
      connection.send(Uint8Array.of(1))
      const far = await arrived
      await expect.poll(() => events, patient).toEqual(['open'])
      connection.send(Uint8Array.of(2))
      await expect.poll(() => far.received, patient).toEqual([Uint8Array.of(2)])
      connection.close()
      connection.send(Uint8Array.of(3))
      await expect.poll(() => far.closed, patient).toBeDefined()
      expect(far.received).toEqual([Uint8Array.of(2)])
      await expect.poll(() => events.length, patient).toBe(2)
      connection.send(Uint8Array.of(4))
      expect(connection.bufferedBytes).toBe(0)
    })

    test('what was sent before the close arrives before it', async () => {
      const { connection, far } = await meet()
      for (let i = 0; i < 50; i++) connection.send(new Uint8Array(10_000).fill(i))
      connection.close(4001, 'done')
      await expect.poll(() => far.closed, patient).toEqual([4001, 'done'])
      expect(far.received.map((message) => message[0])).toEqual(Array.from({ length: 50 }, (_, i) => i))
    })

    test('both sides learn who closed and why, once', async () => {
      const first = await meet()
      first.far.close(4123, 'the far end says why')
      await expect.poll(() => first.events.slice(1), patient).toEqual([[4123, 'the far end says why']])

      const second = await meet()
      second.connection.close(4234, 'we say why')
      second.connection.close(4235, 'again')
      await expect.poll(() => second.far.closed, patient).toEqual([4234, 'we say why'])
      await expect.poll(() => second.events.length, patient).toBe(2)

      const third = await meet()
      third.connection.close()
      await expect.poll(() => third.events.length, patient).toBe(2)
      expect(third.events[1]).toEqual([1000, ''])
      expect([first.events.length, second.events.length]).toEqual([2, 2])
    })

    test('a reason may be longer than a close frame holds', async () => {
      const { connection, far } = await meet()
      connection.close(4321, '€'.repeat(100))
      await expect.poll(() => far.closed, patient).toBeDefined()
      expect(far.closed![0]).toBe(4321)
      expect('€'.repeat(100).startsWith(far.closed![1])).toBe(true)
      expect(far.closed![1].length).toBeGreaterThan(30)
    })

    test('a connection that breaks is closed with 1006', async () => {
      const { events, far } = await meet()
      far.drop()
      await expect.poll(() => events.slice(1), patient).toEqual([[1006, '']])
    })

    test('an attempt that finds nobody is closed with 1006 and was never open', async () => {
      const { connection, events } = connect(world.unanswered)
      await expect.poll(() => events.length, patient).toBe(1)
      expect((events[0] as [number, string])[0]).toBe(1006)
      connection.close()
      connection.send(Uint8Array.of(1))
      expect(events.length).toBe(1)
    })

    test('an attempt that is given up closes once and never opens', async () => {
      const { connection, events } = connect()
      connection.close(4000, 'not wanted')
      await expect.poll(() => events.length, patient).toBe(1)
      expect(events[0]).toBeInstanceOf(Array)
      connection.close()
      // The transport is free for the next one.
      const next = await meet()
      expect(next.events).toEqual(['open'])
      expect(events.length).toBe(1)
    })

    test('after a close one can connect again, and connections do not mix', async () => {
      const first = await meet()
      first.connection.close()
      await expect.poll(() => first.events.length, patient).toBe(2)
      const second = await meet()
      const third = await meet()
      second.far.send(Uint8Array.of(2))
      third.far.send(Uint8Array.of(3))
      await expect.poll(() => second.events, patient).toEqual(['open', Uint8Array.of(2)])
      await expect.poll(() => third.events, patient).toEqual(['open', Uint8Array.of(3)])
      expect(first.events.length).toBe(2)
    })
  })
}

interface Noted {
  readonly connection: Connection
  readonly events: ('open' | 'inside connect()' | Uint8Array | readonly [code: number, reason: string])[]
}

const patient = { timeout: 10_000 }

/** Says which bytes these are, in few words. */
function digest(message: Uint8Array): string {
  return `${message.length} bytes, sum ${message.reduce((sum, byte) => sum + byte, 0)}`
}
