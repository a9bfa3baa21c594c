import process from 'node:process'
import { afterAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { compileFirst, launch, temporaryFolder, type Launched } from './launch.ts'

compileFirst()

const KILLS = process.env.SYNCLINE_LONG === '1' ? 40 : 3
const ROOM = 'board/text/note'

const opened: WebsocketProvider[] = []
afterAll(() => opened.forEach((provider) => provider.destroy()))

function open(port: number, doc = new Y.Doc()): WebsocketProvider {
  const provider = new WebsocketProvider(`ws://127.0.0.1:${port}/y`, ROOM, doc, {
    WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket,
    disableBc: true,
    maxBackoffTime: 50,
  })
  opened.push(provider)
  return provider
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 2))
}

/** Behind two numbers and its length. */
function updateIn(frame: Uint8Array): Uint8Array {
  let at = 2
  while (frame[at]! >= 128) at += 1
  return frame.subarray(at + 1)
}

test('[YP5] killed with SIGKILL again and again, it loses nothing that it has told clients of y-websocket, and doubles nothing', async () => {
  const data = temporaryFolder()
  let relay: Launched = await launch(['--port', '0', '--data', data])
  const { port } = relay
  const writer = open(port)
  const shown = writer.doc.getText('text')
  // What comes back is all that it has been told; what it has written itself is in no other way in this document.
  const told = new Y.Doc()
  writer.on('status', ({ status }) => {
    if (status !== 'connected') return
    writer.ws!.addEventListener('message', ({ data: frame }: MessageEvent) => {
      const bytes = new Uint8Array(frame as ArrayBuffer)
      if (bytes[0] === 0 && bytes[1] === 2) Y.applyUpdate(told, updateIn(bytes))
    })
  })
  let words = 0
  let unheard = 0
  for (let kills = 0; kills < KILLS; kills++) {
    const before = told.getText('text').length
    await until(() => {
      shown.insert(shown.length, `w${(words += 1)} `)
      return told.getText('text').length > before + 200
    })
    shown.insert(shown.length, `w${(words += 1)} `)
    await relay.kill('SIGKILL')
    writer.disconnect()
    unheard += shown.length - told.getText('text').length
    relay = await launch(['--port', String(port), '--data', data])
    const fresh = open(port)
    await until(() => fresh.synced)
    const lost = Y.decodeUpdate(Y.encodeStateAsUpdate(told, Y.encodeStateVector(fresh.doc)))
    expect(lost.structs).toEqual([])
    // What was stored, and not told before the kill.
    Y.applyUpdate(told, Y.encodeStateAsUpdate(fresh.doc))
    fresh.destroy()
    writer.connect()
    await until(() => writer.synced)
  }
  // The kills met it at work.
  expect(unheard).toBeGreaterThan(0)
  const last = open(port)
  await until(() => last.synced && last.doc.getText('text').length >= shown.length)
  expect(last.doc.getText('text').toString()).toBe(Array.from({ length: words }, (_, i) => `w${i + 1} `).join(''))
  const ending = await relay.kill('SIGTERM')
  expect([ending.code, ending.stderr]).toEqual([0, ''])
})

test('[YP16] a page of a foreign origin cannot open a document', async () => {
  const relay = await launch(['--port', '0', '--data', temporaryFolder()])
  const dial = (origin: string): Promise<string> =>
    new Promise((resolve) => {
      const socket = new WebSocket(`ws://127.0.0.1:${relay.port}/y/${ROOM}`, { origin })
      socket.on('error', ({ message }) => resolve(message))
      socket.on('open', () => {
        resolve('open')
        socket.terminate()
      })
    })
  expect(await dial('https://evil.example')).toContain('403')
  expect(await dial('null')).toContain('403')
  expect(await dial(`http://127.0.0.1.evil.example`)).toContain('403')
  expect(await dial(`http://127.0.0.1:${relay.port}`)).toBe('open')
  await relay.kill('SIGKILL')
})

/** So long a frame may be. */
const MOST_BYTES = 16 * 1024 * 1024 - 64 * 1024

/** A number as it stands in frames: seven bits a byte, the lowest first. */
function number(value: number): readonly number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...number(Math.floor(value / 128))]
}

/** A frame that begins in such a way, says how much follows, and then the same again and again, up to the limit. */
function swollen(
  kind: readonly number[],
  begin: readonly number[],
  again: readonly number[],
  end: readonly number[] = [],
): Uint8Array {
  // Room for all that says how much there is.
  const count = Math.floor((MOST_BYTES - 100) / again.length)
  const body = Buffer.alloc(begin.length + 4 + count * again.length + end.length)
  body.set(begin)
  const counted = number(count)
  body.set(counted, begin.length)
  const at = begin.length + counted.length
  body.fill(Buffer.from(again), at, at + count * again.length)
  body.set(end, at + count * again.length)
  const length = at + count * again.length + end.length
  return Buffer.concat([Buffer.from([...kind, ...number(length)]), body.subarray(0, length)])
}

test('[YP15] what a few bytes say much with takes no memory, of which it has little', async () => {
  const relay = await launch(['--port', '0', '--data', temporaryFolder()], { NODE_OPTIONS: '--max-old-space-size=256' })
  const item = [1, 1, 1, 0]
  const key = [0x28, 1, 3, 109, 97, 112, 1, 107]
  const frames: Readonly<Record<string, Uint8Array>> = {
    deletes: swollen([0, 2], [0, 1, 1], [0, 1]),
    structs: swollen([0, 2], [1], [0, 1]),
    values: swollen([0, 2], [...item, ...key], [126], [0]),
    nested: swollen([0, 2], [...item, ...key, 1, 117], [118, 0], [0]),
    clients: swollen([0, 0], [], [1, 1]),
    people: swollen([1], [], [1, 1, 4, 110, 117, 108, 108]),
  }
  const codes: Record<string, number> = {}
  for (const [name, frame] of Object.entries(frames)) {
    const socket = new WebSocket(`ws://127.0.0.1:${relay.port}/y/board/doc/page`)
    await new Promise((resolve) => socket.once('open', resolve))
    socket.send(frame)
    // And then what ends it in any case.
    socket.send(new Uint8Array([0]))
    codes[name] = await new Promise<number>((resolve) => socket.once('close', resolve))
  }
  expect(codes).toEqual({ deletes: 4400, structs: 4400, values: 4400, nested: 4400, clients: 1009, people: 1007 })
  const honest = open(relay.port)
  await until(() => honest.synced)
  expect((await relay.kill('SIGTERM')).code).toBe(0)
})
