import { decodeChange, type DecodedChange } from '@syncline/protocol'
import { createServer, type Server } from 'node:http'
import { connect, createServer as createPipe, type AddressInfo, type Socket } from 'node:net'
import { createMemoryStorage, createRelay, type LogStorage, type Relay, type RelayOptions } from '@syncline/relay'
import { attachRelay, listen, type Attachment } from '@syncline/relay/node'
import { openStore, type PlainStore } from '@syncline/store'
import { websocket } from '@syncline/websocket'
import { createYEndpoint, type YEndpoint, type YEndpointOptions } from '@syncline/y-protocols'
import { onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import type { Awareness } from 'y-protocols/awareness'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'

/** A relay with the endpoint, on a port of its own. */
export interface Host {
  readonly relay: Relay
  readonly endpoint: YEndpoint
  readonly port: number
  readonly storage: LogStorage
  stop(): Promise<void>
}

export interface HostOptions extends YEndpointOptions {
  readonly storage?: LogStorage
  readonly relay?: Partial<RelayOptions>
  readonly port?: number
}

export async function startHost({
  storage = createMemoryStorage(),
  relay: more,
  port = 0,
  ...options
}: HostOptions = {}): Promise<Host> {
  const server: Server = createServer()
  const relay = createRelay({ storage, ...more })
  const endpoint = createYEndpoint(relay, options)
  const attachment: Attachment = attachRelay(server, relay, { others: [endpoint] })
  const address = await listen(server, port, '127.0.0.1')
  let isStopped = false
  const stop = async (): Promise<void> => {
    if (isStopped) return
    isStopped = true
    await relay.close()
    await endpoint.close()
    await attachment.close()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  onTestFinished(stop)
  return { relay, endpoint, port: address.port, storage, stop }
}

/** A client of y-websocket as it is. */
export interface Stock {
  readonly doc: Y.Doc
  readonly provider: WebsocketProvider
  readonly awareness: Awareness
}

export function openStock(
  port: number,
  room: string,
  options: Partial<ConstructorParameters<typeof WebsocketProvider>[3]> = {},
  doc: Y.Doc = new Y.Doc(),
): Stock {
  const provider = new WebsocketProvider(`ws://127.0.0.1:${port}/y`, room, doc, {
    WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket,
    disableBc: true,
    maxBackoffTime: 100,
    ...options,
  })
  onTestFinished(() => {
    provider.destroy()
    doc.destroy()
  })
  return { doc, provider, awareness: provider.awareness }
}

/** One of our own clients. */
export async function openOurs(port: number, space: string): Promise<PlainStore> {
  const transport = websocket(`ws://127.0.0.1:${port}/sync`, { WebSocket })
  const store = await openStore({ space, transport })
  onTestFinished(() => store.close())
  return store
}

/** Waits until something is so, which the test's own time limit bounds. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 2))
}

/** A wire to a port, that can be cut or become silent. */
export interface Wire {
  readonly port: number
  /** Ends all connections. */
  cut(): void
  /** Nothing comes through any more, and nobody is told. */
  hush(): void
}

export async function openWire(to: number): Promise<Wire> {
  const ends = new Set<Socket>()
  const server = createPipe((near) => {
    const far = connect(to, '127.0.0.1')
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      ends.add(one)
      one.on('error', () => undefined)
      one.pipe(other)
      one.on('close', () => {
        ends.delete(one)
        other.destroy()
      })
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    for (const end of ends) end.destroy()
    server.close()
  })
  return {
    port: (server.address() as AddressInfo).port,
    cut: () => ends.forEach((end) => end.destroy()),
    hush: () => ends.forEach((end) => end.unpipe()),
  }
}

/** What stands in the log of a space. */
export async function changesOf(storage: LogStorage, space: string): Promise<readonly DecodedChange[]> {
  const { head } = (await storage.space(space)) ?? { head: 0 }
  return (await storage.read(space, 0, head, 1 << 24)).map((record) => decodeChange(record))
}

/** A storage of which each append waits until it is let. */
export interface Gated extends LogStorage {
  /** Lets all that wait, and what comes. */
  open(): void
  /** What comes waits. */
  shut(): void
  /** Rejects what waits. */
  fail(): void
}

export function gated(storage: LogStorage = createMemoryStorage()): Gated {
  let isOpen = true
  const waiting: { readonly go: () => void; readonly fail: (error: Error) => void }[] = []
  return {
    ...storage,
    async append(batch) {
      if (!isOpen) await new Promise<void>((go, fail) => waiting.push({ go, fail }))
      await storage.append(batch)
    },
    open() {
      isOpen = true
      for (const { go } of waiting.splice(0)) go()
    },
    shut() {
      isOpen = false
    },
    fail() {
      for (const { fail } of waiting.splice(0)) fail(new Error('The disk is gone.'))
    },
  }
}

/** A bare socket at the endpoint, which keeps what it hears. */
export interface Bare {
  readonly socket: WebSocket
  readonly heard: Uint8Array[]
  /** The close code, when it has ended. */
  readonly closed: Promise<number>
  send(frame: Uint8Array | string): void
}

export async function openBare(port: number, room: string): Promise<Bare> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/y/${room}`)
  const heard: Uint8Array[] = []
  socket.on('message', (data: Buffer) => heard.push(new Uint8Array(data)))
  socket.on('error', () => undefined)
  const closed = new Promise<number>((resolve) => socket.on('close', resolve))
  onTestFinished(() => socket.terminate())
  await new Promise((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('error', reject)
  })
  return { socket, heard, closed, send: (frame) => socket.send(frame) }
}
