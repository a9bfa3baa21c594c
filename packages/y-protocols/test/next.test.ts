import { WebsocketProvider } from '@y/websocket'
import * as Y from '@y/y'
import { expect, it, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { openStock, startHost, until } from './kit.ts'

it('[YP1] the next generation, on Yjs 14, shares a text with that of today', async () => {
  const { port } = await startHost()
  const room = 'board/text/note'
  const today = openStock(port, room)
  today.doc.getText('text').insert(0, 'today')
  const doc = new Y.Doc()
  const provider = new WebsocketProvider(`ws://127.0.0.1:${port}/y`, room, doc, {
    WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket,
    disableBc: true,
  })
  onTestFinished(() => {
    provider.destroy()
    doc.destroy()
  })
  provider.awareness.setLocalStateField('name', 'Next')
  await until(() => provider.synced && today.awareness.getStates().get(doc.clientID)?.name === 'Next')
  const shown = doc.get('text')
  await until(() => shown.length === 5)
  shown.insert(5, ' and tomorrow')
  await until(() => today.doc.getText('text').toString() === 'today and tomorrow')
  today.doc.getText('text').delete(0, 10)
  await until(() => shown.toString() === 'tomorrow')
  expect(shown.length).toBe(8)
})
