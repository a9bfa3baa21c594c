import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { createFrameReader, encodeFrames, type Frame, MAX_PACKET_BYTES, recordAuthor } from '@syncline/protocol'
import { WebSocket, WebSocketServer } from 'ws'

/**
 * A wire between one page and the relay that understands what it carries: it counts it, can be cut, and can keep back what others wrote.
 *
 * The page's own words go through as they are. Of the relay's, only the log can be held, and its order is kept: behind a Change
 * that is held, everything of the log waits, while greetings and pings pass.
 */
export interface Wire {
  /** What the page connects to. */
  readonly url: string
  /** What went through so far, on all connections. */
  readonly counts: WireCounts
  /** Lets through the Changes of others up to this seq of theirs. Everything, until it is called for the first time. */
  release(seq: number): void
  /** Resolves when Change `seq` of the other side was handed to the page, to its relaySeq. */
  released(seq: number): Promise<number>
  /** Resolves when the relay has acknowledged Change `seq` of this page, though the page may not have heard of it. */
  stored(seq: number): Promise<void>
  /** Ends the connection, and refuses new ones until `mend`. */
  cut(): void
  mend(): void
  /** Says to the page, as if the relay did, whatever these bytes are. Throws when the page is not connected. */
  sayToPage(bytes: Uint8Array): void
  close(): Promise<void>
}

export interface WireCounts {
  readonly connections: number
  /** WebSocket messages from the page. */
  readonly messagesUp: number
  /** Those among them that are a part of a longer packet. */
  readonly partsUp: number
  /** Change records from the page. */
  readonly changesUp: number
  /** Change records that were let through to the page. */
  readonly changesDown: number
  /** How often something of the log had to wait. */
  readonly held: number
}

export interface WireOptions {
  /** Changes the page's greeting, as if another version of the app were there. */
  readonly greeting?: (hello: Extract<Frame, { type: 'hello' }>) => Frame
}

type LogFrame = Extract<Frame, { type: 'changes' | 'acknowledgement' }>

/** Lays a wire to the relay at `relayUrl`, the address of its pages. */
export async function layWire(relayUrl: string, { greeting }: WireOptions = {}): Promise<Wire> {
  const counts = { connections: 0, messagesUp: 0, partsUp: 0, changesUp: 0, changesDown: 0, held: 0 }
  let releasedSeq = Infinity
  let isCut = false
  let current: Connection | undefined
  /** By seq of the other side, the relaySeq of what was handed over. */
  const handedOver = new Map<number, number>()
  const waiting = new Map<number, (relaySeq: number) => void>()
  let storedSeq = 0
  const storing = new Map<number, () => void>()

  const target = socketOf(relayUrl)
  const sockets = new WebSocketServer({ noServer: true })
  const server = createServer()
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (isCut) socket.destroy()
    else sockets.handleUpgrade(request, socket, head, (page) => (current = connect(page)))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // listening on TCP, so neither null nor a path

  function connect(page: WebSocket): Connection {
    counts.connections++
    const relay = new WebSocket(target)
    const fromPage = createFrameReader({ maxPacketBytes: MAX_PACKET_BYTES })
    const fromRelay = createFrameReader({ maxPacketBytes: MAX_PACKET_BYTES })
    const early: Uint8Array[] = []
    const held: LogFrame[] = []
    let maxMessageBytes = 64 * 1024

    page.on('message', (data: Buffer) => {
      counts.messagesUp++
      if (data[0] !== 0) counts.partsUp++
      const frames = fromPage.push(data)
      for (const frame of frames) if (frame.type === 'changes') counts.changesUp += frame.records.length
      const [first] = frames
      const said =
        greeting !== undefined && first?.type === 'hello' ? encodeFrames([greeting(first)], 64 * 1024)[0]! : data
      if (relay.readyState === WebSocket.OPEN) relay.send(said)
      else early.push(said)
    })
    relay.on('open', () => {
      for (const message of early.splice(0)) relay.send(message)
    })
    relay.on('message', (data: Buffer) => {
      for (const frame of fromRelay.push(data)) receive(frame)
      drain()
    })

    function receive(frame: Frame): void {
      if (frame.type === 'welcome') maxMessageBytes = frame.maxMessageBytes
      if (frame.type === 'acknowledgement') noteStored(frame.firstSeq + frame.count - 1)
      if (frame.type === 'changes' || frame.type === 'acknowledgement') held.push(frame)
      else say(frame)
    }

    /** Hands over what may be handed over, in the order of the log. */
    function drain(): void {
      for (let frame = held.shift(); frame !== undefined; frame = held.shift()) {
        if (frame.type === 'acknowledgement') {
          say(frame)
          continue
        }
        const { records, first } = frame
        const stop = records.findIndex((record) => recordAuthor(record).seq > releasedSeq)
        const allowed = stop === -1 ? records : records.slice(0, stop)
        if (allowed.length > 0) handOver({ ...frame, records: allowed })
        if (stop === -1) continue
        counts.held++
        held.unshift({ ...frame, first: first + stop, records: records.slice(stop) })
        return
      }
    }

    function handOver(frame: Extract<Frame, { type: 'changes' }>): void {
      say(frame)
      counts.changesDown += frame.records.length
      frame.records.forEach((record, i) => {
        const { seq } = recordAuthor(record)
        handedOver.set(seq, frame.first + i)
        waiting.get(seq)?.(frame.first + i)
        waiting.delete(seq)
      })
    }

    function say(frame: Frame): void {
      for (const message of encodeFrames([frame], maxMessageBytes)) page.send(message)
    }

    function end(): void {
      page.terminate()
      relay.terminate()
    }
    // The end of one side is the end of the other, with the same word where there was one.
    page.on('close', () => relay.terminate())
    relay.on('close', (code, reason) => (code === 1006 ? page.terminate() : page.close(code, reason)))
    // An error is followed by the close; it is what a cut and a killed relay look like from here.
    page.on('error', end)
    relay.on('error', end)
    return { drain, end, say: (bytes) => page.send(bytes) }
  }

  function noteStored(seq: number): void {
    storedSeq = Math.max(storedSeq, seq)
    for (const [waited, resolve] of storing) {
      if (waited > storedSeq) continue
      storing.delete(waited)
      resolve()
    }
  }

  return {
    url: `ws://localhost:${port}/sync`,
    counts,
    release(seq) {
      releasedSeq = seq
      current?.drain()
    },
    released(seq) {
      const relaySeq = handedOver.get(seq)
      if (relaySeq !== undefined) return Promise.resolve(relaySeq)
      return new Promise((resolve) => waiting.set(seq, resolve))
    },
    stored(seq) {
      if (seq <= storedSeq) return Promise.resolve()
      return new Promise((resolve) => storing.set(seq, resolve))
    },
    cut() {
      isCut = true
      current?.end()
      current = undefined
    },
    mend() {
      isCut = false
    },
    sayToPage(bytes) {
      if (current === undefined) throw new Error('No page is connected to this wire.')
      current.say(bytes)
    },
    async close() {
      current?.end()
      sockets.close()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** The address of a relay's socket, from the address of its pages. */
export function socketOf(relayUrl: string): string {
  return `${relayUrl.replace(/^http/, 'ws')}/sync`
}

interface Connection {
  drain(): void
  end(): void
  say(bytes: Uint8Array): void
}
