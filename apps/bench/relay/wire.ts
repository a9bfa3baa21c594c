import { randomBytes } from 'node:crypto'
import { connect as connectSocket, type Socket } from 'node:net'

/** One WebSocket on a bare socket: a library would cost the generator of the load more than the servers that it is to measure. */
export interface Wire {
  /** Frames that are ready, as `framesOf` makes them. */
  write(frames: Buffer): void
  /** Called with the payload of each binary message, which is valid until it returns. */
  onMessage: (payload: Buffer) => void
  /** Reads nothing more, until it is told to read on. */
  pause(): void
  resume(): void
  /** Called when the server has ended it. */
  onClose: () => void
  end(): void
}

/** Opens one. Rejects when the server does not want it. */
export function openWire(port: number, path: string): Promise<Wire> {
  return new Promise((resolve, reject) => {
    const socket = connectSocket({ port, host: '127.0.0.1', noDelay: true })
    socket.once('error', reject)
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
    )
    let head = Buffer.alloc(0)
    const onHead = (chunk: Buffer): void => {
      head = Buffer.concat([head, chunk])
      const end = head.indexOf('\r\n\r\n')
      if (end < 0) return
      socket.off('data', onHead)
      if (!head.subarray(0, end).toString('latin1').startsWith('HTTP/1.1 101')) {
        return reject(new Error(`The server at ${path} answers ${head.subarray(0, end).toString('latin1')}`))
      }
      resolve(createWire(socket, head.subarray(end + 4)))
    }
    socket.on('data', onHead)
  })
}

const BINARY = 2
const CLOSE = 8
const PING = 9

function createWire(socket: Socket, first: Buffer): Wire {
  /** What has come of a frame that is not all there, and how long that is at least. */
  let rest: Buffer[] = []
  let restBytes = 0
  let neededBytes = 0
  const wire: Wire = {
    write: (frames) => void socket.write(frames),
    onMessage() {},
    onClose() {},
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    end: () => void socket.destroy(),
  }

  function take(chunk: Buffer): void {
    rest.push(chunk)
    restBytes += chunk.length
    // A long message is put together once.
    if (restBytes < neededBytes) return
    let from = rest.length === 1 ? chunk : Buffer.concat(rest)
    for (;;) {
      const frame = frameIn(from)
      if (typeof frame === 'number') {
        neededBytes = frame
        break
      }
      const { kind, payload, length } = frame
      if (kind === BINARY) wire.onMessage(payload)
      else if (kind === PING) socket.write(framesOf([payload], 0x8a))
      else if (kind === CLOSE) throw new Error(`The server closes: ${payload.toString('latin1', 2)}`)
      from = from.subarray(length)
    }
    rest = from.length === 0 ? [] : [from]
    restBytes = from.length
  }

  socket.on('data', take)
  socket.on('close', () => wire.onClose())
  socket.on('error', () => {})
  if (first.length > 0) queueMicrotask(() => take(first))
  return wire
}

/** The frame that bytes begin with; while it is not all there, how many bytes it takes to know more. Servers mask nothing, and none of these splits a message. */
function frameIn(bytes: Buffer): { readonly kind: number; readonly payload: Buffer; readonly length: number } | number {
  if (bytes.length < 2) return 2
  let size = bytes[1]! & 0x7f
  let start = 2
  if (size === 126) {
    if (bytes.length < (start = 4)) return start
    size = bytes.readUInt16BE(2)
  } else if (size === 127) {
    if (bytes.length < (start = 10)) return start
    size = Number(bytes.readBigUInt64BE(2))
  }
  if (bytes.length < start + size) return start + size
  return { kind: bytes[0]! & 0x0f, payload: bytes.subarray(start, start + size), length: start + size }
}

/** Messages of a client, as frames of RFC 6455. The mask is one that changes nothing, so that the bytes need not be touched here; the server removes it like any other. */
export function framesOf(messages: readonly Uint8Array[], kind = 0x80 | BINARY): Buffer {
  const parts: Uint8Array[] = []
  for (const message of messages) {
    const { length } = message
    const head = Buffer.alloc(length < 126 ? 6 : length < 65_536 ? 8 : 14)
    head[0] = kind
    head[1] = 0x80 | (length < 126 ? length : length < 65_536 ? 126 : 127)
    if (head.length === 8) head.writeUInt16BE(length, 2)
    if (head.length === 14) head.writeBigUInt64BE(BigInt(length), 2)
    parts.push(head, message)
  }
  return Buffer.concat(parts)
}
