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
