import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import type { Connection } from './ports.ts'
import { createFraming, headerOf } from './websocket-frame.ts'

/** A peer that does not answer the closing of its socket for so long is cut off. */
export const CLOSE_GRACE_MS = 1000

/** To copy so much costs more than to write it in parts. */
const LONG_BYTES = 32 * 1024

/** What all sockets of a listener share. */
interface Connecting {
  frameOf(message: Uint8Array): Buffer
  /** Something has gathered, where nothing had. */
  wake(connection: SocketConnection): void
}

/**
 * Gives what makes the connections of a relay over sockets.
 *
 * What is said to a socket in one turn of the event loop leaves when that turn is over, in one write: what many people do at the same moment is read from many sockets, and
 * each write costs a system call, and some hundred bytes while it waits.
 */
export function createConnecting(): (socket: WebSocket, raw: Duplex) => Connection {
  let due: SocketConnection[] = []

  function write(): void {
    const woken = due
    due = []
    for (const connection of woken) connection.write()
  }

  const connecting: Connecting = {
    frameOf: createFraming(),
    wake(connection) {
      // Not a microtask, of which there is a round for each socket that is read from.
      if (due.push(connection) === 1) setImmediate(write)
    },
  }
  return (socket, raw) => new SocketConnection(socket, raw, connecting)
}

/** A class, as there are thousands: a closure for each of its methods would weigh more than what they do. */
class SocketConnection implements Connection {
  readonly #socket: WebSocket
  readonly #raw: Duplex
  readonly #connecting: Connecting
  #gathered: Buffer[] | undefined
  #gatheredBytes = 0

  constructor(socket: WebSocket, raw: Duplex, connecting: Connecting) {
    this.#socket = socket
    this.#raw = raw
    this.#connecting = connecting
  }

  get bufferedBytes(): number {
    return this.#raw.writableLength + this.#gatheredBytes
  }

  /** `ws` would make a header for each receiver, and two writes. What it writes itself are whole frames, so this may come between. */
  send(message: Uint8Array): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return
    if (this.#gatheredBytes + message.length >= LONG_BYTES) this.write()
    if (message.length < LONG_BYTES) return this.#gather(this.#connecting.frameOf(message))
    this.#raw.cork()
    this.#raw.write(headerOf(message.length))
    this.#raw.write(message)
    this.#raw.uncork()
  }

  #gather(frame: Buffer): void {
    this.#gatheredBytes += frame.length
    if (this.#gathered !== undefined) {
      this.#gathered.push(frame)
      return
    }
    this.#gathered = [frame]
    this.#connecting.wake(this)
  }

  /** Writes what has gathered. */
  write(): void {
    const frames = this.#gathered
    if (frames === undefined) return
    this.#gathered = undefined
    this.#gatheredBytes = 0
    // Who has said goodbye meanwhile was answered by `ws`, and nothing may come after that.
    if (this.#socket.readyState !== this.#socket.OPEN) return
    // One alone is the same bytes for all who are told the same.
    this.#raw.write(frames.length === 1 ? frames[0]! : Buffer.concat(frames))
  }

  close(code: number, reason: string): void {
    this.write()
    const socket = this.#socket
    socket.resume()
    socket.close(code, reason)
    setTimeout(() => socket.terminate(), CLOSE_GRACE_MS).unref()
  }

  setReading(reading: boolean): void {
    if (reading) this.#socket.resume()
    else this.#socket.pause()
  }
}
