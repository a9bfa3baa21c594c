import { createFrameReader, encodeChange, encodeFrames, MAX_MESSAGE_BYTES, type Frame } from '@syncline/protocol'
import { emptyBasis, type Basis } from '@syncline/stm'
import { WebSocket } from 'ws'

/** A client over a real socket, that hands on what it hears. */
export interface SocketClient {
  readonly heard: Frame[]
  readonly closed: Promise<number>
  say(...frames: Frame[]): void
  close(): void
  /** Goes away without a word. */
  drop(): void
}

export function dial(port: number, onFrame: (frame: Frame) => void = () => {}): Promise<SocketClient> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/sync`)
  const reader = createFrameReader({ maxPacketBytes: 64 * 1024 * 1024 })
  const heard: Frame[] = []
  const closed = new Promise<number>((resolve) => socket.once('close', resolve))
  socket.on('message', (message: Buffer) => {
    for (const frame of reader.push(message)) {
      heard.push(frame)
      onFrame(frame)
    }
  })
  const client: SocketClient = {
    heard,
    closed,
    say(...frames) {
      if (socket.readyState !== WebSocket.OPEN) return
      for (const message of encodeFrames(frames, MAX_MESSAGE_BYTES)) socket.send(message)
    },
    close: () => socket.close(),
    drop: () => socket.terminate(),
  }
  return new Promise((resolve, reject) => {
    socket.on('error', reject)
    socket.once('open', () => resolve(client))
  })
}

export function enter(client: SocketClient, space: string, basis: Partial<Basis> = {}, protocol = 1): void {
  client.say(
    { type: 'hello', protocol, oldest: 1, agent: 'test', schema: 1, credential: new Uint8Array(0) },
    { type: 'open', channel: 1, space, basis: { ...emptyBasis, ...basis } },
  )
}

/** Resolves when so many Changes were acknowledged to a client. */
export async function acknowledged({ heard }: SocketClient, count: number): Promise<void> {
  const sum = (): number => heard.reduce((all, frame) => all + (frame.type === 'acknowledgement' ? frame.count : 0), 0)
  while (sum() < count) await new Promise((resolve) => setTimeout(resolve, 5))
}

/** A Change, of so many bytes more than it needs. */
export function record(writer: string, seq: number, padding = 0): Uint8Array {
  const ops = [
    { tag: 'lww', address: 'title', arbiter: 'local' as const, payload: `${writer} ${seq}${'x'.repeat(padding)}` },
  ]
  return encodeChange({ writer, seq, deps: emptyBasis, at: Date.now() * 1000, ops, effects: [], meta: null })
}
