import { lww } from '@syncline/merge'
import type { Store } from '@syncline/store'
import { everything, memoryStorage, openStore } from '@syncline/store'
import { openLean, presence } from '@syncline/store/lean'
import { decodeChange, decodeEntry, decodeHeader } from '@syncline/protocol'
import { afterEach, expect, test, vi } from 'vitest'
import * as Y from 'yjs'
import { doc, openText, text, yjsPresence } from '../src/index.ts'
import type { TextRef } from '../src/index.ts'

const note = text('note', 'one')
const title = lww('title', '')
const stores: Store[] = []
const errors: unknown[] = []

async function open(storage = memoryStorage(), presence = false): Promise<Store> {
  const onError = (error: unknown): void => void errors.push(error)
  const store = await openStore({ space: 'notes', storage, onError, ...(presence ? { presence: yjsPresence() } : {}) })
  stores.push(store)
  return store
}

afterEach(async () => {
  for (const store of stores.splice(0)) await store.close()
  if (errors.length > 0) throw new AggregateError(errors.splice(0), 'errors were reported')
})

test('[TE3] a body that throws leaves no trace in the text, open or not', async () => {
  const store = await open()
  store.transact((tx) => tx.insert(note, 0, 'abc'))
  const opened = openText(store, note)
  const events: unknown[] = []
  opened.doc.on('update', (update) => events.push(update))
  const before = store.snapshot
  expect(() =>
    store.transact((tx) => {
      tx.insert(note, 3, 'def')
      tx.set(title, 'half')
      expect(tx.get(note)).toBe('abcdef')
      throw new Error('no')
    }),
  ).toThrow('no')
  expect([store.get(note), opened.text.toString(), store.get(title), events]).toEqual(['abc', 'abc', '', []])
  expect(store.snapshot).toBe(before)
})

test('[TE3] one Change may write texts and other refs, and is seen as a whole', async () => {
  const store = await open()
  const seen: string[] = []
  store.changes(everything, ({ now }) => seen.push(`${now.get(title)}|${now.get(note)}|${now.get(text('b'))}`))
  const { change } = store.transact((tx) => {
    tx.set(title, 'T')
    tx.insert(note, 0, 'one')
    tx.insert(text('b'), 0, 'two')
  })
  expect(seen).toEqual(['T|one|two'])
  expect(change!.ops.map((op) => `${op.tag} ${op.address}`).sort()).toEqual(['lww title', 'text b', 'text note/one'])
  expect(store.transact((tx) => tx.set(note, 'one')).change).toBeUndefined()
})

test('[TE1] a snapshot keeps its text', async () => {
  const store = await open()
  const opened = openText(store, note)
  const snapshots = []
  for (const word of ['a', 'b', 'c']) {
    store.transact((tx) => tx.insert(note, 0, word))
    opened.text.insert(opened.text.length, '.')
    await Promise.resolve()
    snapshots.push(store.snapshot)
  }
  expect(snapshots.map((snapshot) => snapshot.get(note))).toEqual(['a.', 'ba..', 'cba...'])
})

test('[TE15] two tabs that edit at once, by transactions and editors, show the same, and so does a reload', async () => {
  const storage = memoryStorage()
  const [a, b] = [await open(storage), await open(storage)]
  const [left, right] = [openText(a, note), openText(b, note)]
  for (let i = 0; i < 20; i++) {
    a.transact((tx) => tx.insert(note, a.get(note).length, `${i},`))
    left.text.insert(0, '<')
    right.text.insert(right.text.length, '>')
    if (i % 3 === 0) b.transact((tx) => tx.insert(note, 0, '-'))
    if (i % 4 === 0) await Promise.all([a.durable(), b.durable()])
  }
  await vi.waitFor(() => {
    expect(a.get(note)).toBe(b.get(note))
    expect(a.snapshot.basis).toEqual(b.snapshot.basis)
  })
  expect([left.text.toString(), right.text.toString()]).toEqual([a.get(note), a.get(note)])
  expect(['<', '>', ',', '-'].map((mark) => a.get(note).split(mark).length - 1)).toEqual([20, 20, 20, 7])
  const final = a.get(note)
  await Promise.all([a.durable(), b.durable()])
  for (const store of stores.splice(0)) await store.close()
  const again = await open(storage)
  expect(again.get(note)).toBe(final)
  expect(openText(again, note).text.toString()).toBe(final)
})

test('[TE9] an edit made in the middle of a transaction, or by a listener of a commit, is not lost', async () => {
  const store = await open()
  const opened = openText(store, note)
  let once = true
  store.changes(everything, () => {
    if (!once) return
    once = false
    opened.text.insert(0, 'L')
  })
  store.transact((tx) => {
    tx.insert(note, 0, 'abc')
    opened.text.insert(0, 'D')
  })
  await Promise.resolve()
  expect(store.get(note)).toBe(opened.text.toString())
  expect(store.get(note).split('').sort().join('')).toBe('DLabc')
})

test('[TE8] what was typed right before close is kept', async () => {
  const storage = memoryStorage()
  const store = await open(storage)
  const opened = openText(store, note)
  opened.text.insert(0, 'last words')
  opened.close()
  opened.close()
  const other = openText(store, note)
  other.text.insert(0, 'very ')
  await store.close()
  other.close()
  expect(await open(storage).then((again) => again.get(note))).toBe('very last words')
})

test('[TE14] handles share the document, and a closed one is told of no reset', async () => {
  const store = await open()
  const [one, two] = [openText(store, note), openText(store, note)]
  expect(one.doc).toBe(two.doc)
  expect(one.awareness).toBeUndefined()
  const told: string[] = []
  one.onReset(() => told.push('one'))
  two.onReset(() => told.push('two'))()
  one.close()
  two.onReset(() => told.push('two again'))
  two.text.insert(0, 'ab')
  two.text.insertEmbed(0, { image: 'x' })
  await Promise.resolve()
  expect(told).toEqual(['two again'])
  expect(errors.splice(0).map((error) => (error as { code: string }).code)).toEqual(['edit-undone'])
  expect([two.text.toString(), store.get(note)]).toEqual(['', ''])
})

test('[TE14] only texts have live documents', async () => {
  const store = await open()
  expect(() => openText(store, title as unknown as TextRef)).toThrow(expect.objectContaining({ code: 'no-document' }))
})

test('[TE18] an operation is one update of Yjs, and the header of its Change names who wrote in it', async () => {
  const storage = memoryStorage()
  const store = await open(storage)
  store.transact((tx) => tx.insert(note, 0, 'abc'))
  await store.transact((tx) => tx.edit(doc('page'), ({ text: body }) => body.insert(0, 'abc'))).durable()

  const records: Uint8Array[] = []
  const log = await storage.openLog('notes')
  await log.read(0, (bytes) => {
    const entry = decodeEntry(bytes)
    if (entry.kind === 'commits') records.push(...entry.changes.map(({ record }) => record))
  })
  await log.close()
  expect(records.length).toBe(2)
  for (const record of records) {
    const payload = decodeChange(record).ops[0]!.payload as Uint8Array
    const copy = new Y.Doc()
    Y.applyUpdate(copy, payload)
    expect(copy.getText('text').toString()).toBe('abc')
    const clients = Y.decodeUpdate(payload).structs.map(({ id }) => id.client)
    expect(decodeHeader(record).documents).toEqual([...new Set(clients)])
  }
})

test('a text of a lean store is edited as one of a whole store, with presence or without', async () => {
  for (const parts of [[], [presence]]) {
    const store = await openLean({ space: 'lean', parts, ...(parts.length > 0 && { presence: yjsPresence() }) })
    const opened = openText(store, note)
    expect(opened.awareness === undefined).toBe(parts.length === 0)
    opened.text.insert(0, 'abc')
    await Promise.resolve()
    store.transact((tx) => tx.insert(note, 3, 'd'))
    expect([store.get(note), opened.text.toString()]).toEqual(['abcd', 'abcd'])
    opened.close()
    await store.close()
  }
})

test('presence goes from tab to tab, and with the tab', async () => {
  const storage = memoryStorage()
  const [a, b] = [await open(storage, true), await open(storage, true)]
  a.presence.set({ user: { name: 'Ada' } })
  await vi.waitFor(() => expect(b.presence.peers().get(a.presence.self)).toEqual({ user: { name: 'Ada' } }))
  const opened = openText(b, note)
  expect(opened.awareness!.getStates().get(a.presence.self)!['user']).toEqual({ name: 'Ada' })
  await a.close()
  await vi.waitFor(() => expect(b.presence.peers().size).toBe(1))
})

test('[TE5] many notes cost nothing before they are read', async () => {
  const storage = memoryStorage()
  const store = await open(storage)
  const refs = Array.from({ length: 200 }, (_, i) => text('many', `${i}`))
  store.transact((tx) => {
    for (const [i, ref] of refs.entries()) tx.insert(ref, 0, `note ${i}`)
  })
  await store.durable()
  const decode = vi.spyOn(Y.Doc.prototype, 'getText')
  const again = await open(storage)
  again.transact((tx) => tx.set(title, 'open'))
  expect(decode).not.toHaveBeenCalled()
  expect(again.get(refs[7]!)).toBe('note 7')
  expect(decode).toHaveBeenCalledTimes(1)
  decode.mockRestore()
})

test('[TE13] a text over its limit is refused in a transaction, before the document is touched; of what is typed the store tells', async () => {
  const store = await open()
  const small = text('note', 'one', { maxBytes: 12 })
  const opened = openText(store, small)
  const events: unknown[] = []
  opened.doc.on('update', (update) => events.push(update))
  expect(() =>
    store.transact((tx) => {
      tx.set(title, 'half')
      tx.insert(small, 0, 'much too long')
    }),
  ).toThrow(expect.objectContaining({ code: 'too-large-for-ref', refs: [small.key] }))
  expect([store.get(small), opened.text.toString(), store.get(title), events]).toEqual(['', '', '', []])

  const heard: unknown[] = []
  store.onViolation(small, ({ rule, isOver, raw }) => heard.push([rule, isOver, raw]))
  opened.text.insert(0, 'much too long')
  await Promise.resolve()
  await new Promise((resolve) => setTimeout(resolve))
  expect(store.get(small)).toBe('much too long')
  opened.text.delete(4, 4)
  await new Promise((resolve) => setTimeout(resolve))
  expect(heard).toEqual([
    ['maxBytes', false, 'much too long'],
    ['maxBytes', true, 'much long'],
  ])
  expect(() => text('a b', { maxBytes: 1 })).toThrow('cannot name a ref')
  expect(() => text('a', { maxBytes: 0 })).toThrow('maxBytes of "a" is 0')
})

test('[TE3] an invariant reads what a text will be, before its document is', async () => {
  const store = await open()
  store.invariant('named', (now) => now.get(title) === '' || now.get(note).includes(now.get(title)))
  expect(() => store.transact((tx) => tx.set(title, 'abc'))).toThrow('"named"')
  store.transact((tx) => {
    tx.insert(note, 0, 'x abc')
    tx.set(title, 'abc')
  })
  expect(() => store.transact((tx) => tx.remove(note, 0, 4))).toThrow('"named"')
  expect([store.get(note), store.get(title)]).toEqual(['x abc', 'abc'])
})

test('[TE29] a long text is not decoded by opening, nor by who reads something else', async () => {
  const browser = memoryStorage()
  const written = await open(browser)
  // So many that a store which does not open would put them together.
  for (let i = 0; i < 520; i++) written.transact((tx) => tx.insert(note, i * 500, `${i}`.padEnd(500, ' word')))
  written.transact((tx) => tx.set(title, 'here'))
  let whole = written.get(note)
  await written.close()
  // What is decoded is put into a document in a transaction of Yjs.
  const decode = vi.spyOn(Y.Doc.prototype, 'transact')
  try {
    for (const ready of [[], [title, note]]) {
      decode.mockClear()
      const store = await openStore({ space: 'notes', storage: browser, ready })
      expect(store.get(title)).toBe('here')
      // Nor is it later, while nobody asks.
      for (let i = 0; i < 20; i++) await new Promise((resolve) => setTimeout(resolve))
      expect(decode).not.toHaveBeenCalled()
      // Who reads it, or writes, has all of it.
      store.transact((tx) => {
        expect(tx.get(note)).toBe(whole)
        tx.insert(note, 0, 'first ')
      })
      whole = `first ${whole}`
      expect(store.get(note)).toBe(whole)
      expect(decode).toHaveBeenCalled()
      await store.close()
    }
  } finally {
    decode.mockRestore()
  }
})
