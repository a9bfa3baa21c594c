import { lww } from '@syncline/merge'
import { decodeEntry } from '@syncline/protocol'
import { createMemoryStorage, createRelay } from '@syncline/relay'
import { memoryStorage, openStore, type Storage, type Store } from '@syncline/store'
import { expect, test, vi } from 'vitest'
import { openText, text } from '../src/index.ts'
import { linkTo } from './link.ts'

const title = lww('title', '')
const note = text('note')

function small(storage: Storage): Storage {
  return { ...storage, openLog: async (space) => ({ ...(await storage.openLog(space)), worthBytes: 200 }) }
}

async function isCounted(storage: Storage): Promise<boolean> {
  const log = await storage.openLog('library')
  let found = false
  await log.read(0, (bytes) => {
    const entry = decodeEntry(bytes)
    if (entry.kind === 'rest' && entry.rest[0] === 'ledger') found = entry.rest[1].counted !== undefined
  })
  await log.close()
  return found
}

const open = (storage: Storage, options = {}): Promise<Store> => openStore({ space: 'library', storage, ...options })
const until = (holds: () => unknown): Promise<unknown> => vi.waitFor(holds, { timeout: 20_000 })

/** Types word by word, without a relay, until the log is a checkpoint that counts it. */
async function typed(storage: Storage): Promise<void> {
  const store = await open(storage)
  const editor = openText(store, note)
  for (let i = 0; i < 40; i++) {
    editor.text.insert(editor.text.length, `word ${i} `)
    store.transact((tx) => tx.set(title, `${i}`))
  }
  await store.durable()
  await until(async () => expect(await isCounted(storage)).toBe(true))
  editor.close()
  await store.close()
}

const words = Array.from({ length: 40 }, (_, i) => `word ${i} `).join('')

test.each([
  ['read before the relay answers', true],
  ['read when the relay has ordered it and more', false],
])('[CP12] a text that is counted in a checkpoint, %s, is what everybody has', async (_, isReadBefore) => {
  const storage = small(memoryStorage())
  await typed(storage)
  const relay = createRelay({ storage: createMemoryStorage() })
  const other = await open(memoryStorage(), { transport: linkTo(relay) })
  const theirs = openText(other, note)
  theirs.text.insert(0, 'Theirs. ')
  await other.synced()

  const store = await open(storage, { transport: linkTo(relay) })
  if (isReadBefore) {
    const editor = openText(store, note)
    editor.text.insert(0, 'More. ')
    editor.close()
  }
  await store.synced()
  await until(() => expect(other.get(title)).toBe('39'))
  // It becomes a checkpoint again, of what the relay has ordered, also where nobody has read the text.
  for (let i = 0; i < 30; i++) await store.transact((tx) => tx.set(title, `then ${i}`)).synced()
  await until(async () => expect(await isCounted(storage)).toBe(false))
  const shown = theirs.text.toString()
  expect(shown).toContain(words)
  expect(shown).toContain('Theirs. ')
  expect(shown.includes('More. ')).toBe(isReadBefore)
  expect(openText(store, note).text.toString()).toBe(shown)
  await store.close()
  const again = await open(storage)
  expect(openText(again, note).text.toString()).toBe(shown)
  for (const one of [again, other]) await one.close()
  await relay.close()
})
