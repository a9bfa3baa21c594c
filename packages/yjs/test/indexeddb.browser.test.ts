import { memoryStorage, openStore } from '@syncline/store'
import type { Store } from '@syncline/store'
import { indexedDb } from '@syncline/idb'
import { afterEach, expect, test } from 'vitest'
import { IndexeddbPersistence } from 'y-indexeddb'
import * as Y from 'yjs'
import { doc, exportUpdate, text } from '../src/index.ts'
import type { Elsewhere } from '../src/index.ts'
import { importYIndexeddb } from '../src/indexeddb.ts'
import type { ImportProgress } from '../src/indexeddb.ts'

const note = text('note')
const page = doc('page')
const into: Elsewhere[] = [
  { ref: note, root: 'codemirror' },
  { ref: page, roots: { fragment: 'default', map: 'settings' } },
]

const cleanups: (() => unknown)[] = []
const errors: unknown[] = []
let names = 0

/** Outside of a test, where the linter takes a condition for a test that may hold nothing. */
const same = (actual: unknown, expected: unknown): void => expect(actual).toEqual(expected)

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
  same(errors.splice(0), [])
})

function freshName(): string {
  const name = `old app ${Date.now()} ${(names += 1)}`
  cleanups.push(() => request(indexedDB.deleteDatabase(name)))
  return name
}

function request<T>(made: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    made.onsuccess = () => resolve(made.result)
    made.onerror = () => reject(made.error!)
  })
}

async function open(storage = memoryStorage()): Promise<Store> {
  const store = await openStore({ space: 'new app', storage, onError: (error) => void errors.push(error) })
  cleanups.push(() => store.close())
  return store
}

/** The old app: a document that the real y-indexeddb keeps. */
async function openOld(name: string): Promise<{ made: Y.Doc; text: Y.Text; kept: IndexeddbPersistence }> {
  const made = new Y.Doc()
  const kept = new IndexeddbPersistence(name, made)
  cleanups.push(() => kept.destroy())
  await kept.whenSynced
  return { made, text: made.getText('codemirror'), kept }
}

/** A connection that looks, and writes what a disk breaks. */
async function connected<T>(
  name: string,
  body: (updates: IDBObjectStore) => Promise<T>,
  mode: IDBTransactionMode = 'readonly',
): Promise<T> {
  const database = await request(indexedDB.open(name))
  try {
    return await body(database.transaction('updates', mode).objectStore('updates'))
  } finally {
    database.close()
  }
}

/** What y-indexeddb needs to open a database: its version, which is that of a first opening, and its object stores. */
async function shapeOf(name: string): Promise<{ readonly version: number; readonly stores: readonly string[] }> {
  const database = await request(indexedDB.open(name))
  database.close()
  return { version: database.version, stores: [...database.objectStoreNames] }
}

async function recordsOf(name: string): Promise<[number, Uint8Array][]> {
  return connected(name, async (updates) => {
    const [keys, values] = await Promise.all([request(updates.getAllKeys()), request<Uint8Array[]>(updates.getAll())])
    return keys.map((key, i) => [Number(key), values[i]!])
  })
}

/** Waits until what the old app was given is in its database. */
async function stored(name: string, least: number): Promise<void> {
  await expect.poll(async () => (await recordsOf(name)).length).toBeGreaterThanOrEqual(least)
}

/** Writes a database as y-indexeddb does, at once. */
async function write(name: string, updates: readonly unknown[]): Promise<void> {
  const opening = indexedDB.open(name)
  opening.onupgradeneeded = () => {
    opening.result.createObjectStore('updates', { autoIncrement: true })
    opening.result.createObjectStore('custom')
  }
  const database = await request(opening)
  const transaction = database.transaction('updates', 'readwrite')
  for (const update of updates) transaction.objectStore('updates').add(update)
  await new Promise((resolve) => (transaction.oncomplete = resolve))
  database.close()
}

/** This page is told of this value what Chromium tells of one whose file is gone from the disk: reading it fails, and so does reading it among others. Returns what ends that. */
function loseValue(lost: Uint8Array): () => void {
  const { get, getAll } = IDBObjectStore.prototype
  const isLost = (value: unknown): boolean => String(value) === String(lost)
  const failIf = <T>(reading: IDBRequest<T>, isFailed: (result: T) => boolean): IDBRequest<T> => {
    // The first to hear of it.
    reading.addEventListener('success', (event) => {
      if (!isFailed(reading.result)) return
      event.stopImmediatePropagation()
      Object.defineProperty(reading, 'error', { value: new DOMException('lost', 'DataError') })
      reading.dispatchEvent(new Event('error'))
    })
    return reading
  }
  IDBObjectStore.prototype.get = function (...args) {
    return failIf(get.apply(this, args), isLost)
  }
  IDBObjectStore.prototype.getAll = function (...args) {
    return failIf(getAll.apply(this, args), (values) => values.some(isLost))
  }
  return () => {
    Object.assign(IDBObjectStore.prototype, { get, getAll })
  }
}

/** A history of so many updates, each as Yjs hands it out. */
function historyOf(updates: number): { readonly made: Y.Doc; readonly records: Uint8Array[] } {
  const made = new Y.Doc()
  made.clientID = 5
  const records: Uint8Array[] = []
  made.on('update', (update: Uint8Array) => records.push(update))
  const root = made.getText('codemirror')
  for (let i = 0; i < updates; i++) {
    if (i % 7 === 6) root.delete((i * 31) % (root.length - 1), 1)
    else if (i % 11 === 10) made.getMap('settings').set(`key ${i % 5}`, i)
    else root.insert((i * 17) % (root.length + 1), String.fromCharCode(97 + (i % 26)))
  }
  return { made, records }
}

test('[IM14] takes a database over while the old app writes, and the old app goes on', async () => {
  const name = freshName()
  const old = await openOld(name)
  old.text.insert(0, 'Buy apples')
  old.made.getMap('settings').set('serves', 4)
  await old.kept.set('app', 'keeps this here')
  await stored(name, 2)
  const before = await recordsOf(name)
  const shape = await shapeOf(name)

  const store = await open()
  const importing = importYIndexeddb(store, name, into)
  old.text.insert(4, 'three ')
  const first = await importing
  expect(first).toMatchObject({ setAside: [], missing: [], waiting: [], changes: 1 })
  expect(first?.roots).toContainEqual({ name: 'codemirror', kind: 'text', into: 'note' })
  await stored(name, before.length + 1)
  expect((await recordsOf(name)).slice(0, before.length)).toEqual(before)

  // What came meanwhile or later comes with the next import, and only that.
  old.text.insert(0, 'Today: ')
  await stored(name, before.length + 2)
  await importYIndexeddb(store, name, into)
  expect([store.get(note), store.get(page).map]).toEqual(['Today: Buy three apples', { serves: 4 }])
  expect(await importYIndexeddb(store, name, into)).toMatchObject({ changes: 0 })

  // The old app finds its database as it was, also after a reload, and takes what was written here.
  await old.kept.destroy()
  expect(await shapeOf(name)).toEqual(shape)
  expect(shape).toEqual({ version: 1, stores: ['custom', 'updates'] })
  const again = await openOld(name)
  expect(again.text.toString()).toBe('Today: Buy three apples')
  expect(await again.kept.get('app')).toBe('keeps this here')
  store.transact((tx) => tx.insert(note, 0, '! '))
  Y.applyUpdate(again.made, exportUpdate(store, into))
  expect(again.text.toString()).toBe('! Today: Buy three apples')

  // It goes on: what it writes now is there when it is loaded once more.
  again.text.insert(again.text.length, ', and pears')
  await stored(name, before.length + 4)
  await again.kept.destroy()
  const later = await openOld(name)
  expect(later.text.toString()).toBe('! Today: Buy three apples, and pears')
  expect(await later.kept.get('app')).toBe('keeps this here')
  expect(await shapeOf(name)).toEqual(shape)
})

test('[IM15] makes no database where there is none, and refuses those of others', async () => {
  const store = await open()
  const name = freshName()
  expect(await importYIndexeddb(store, name, into)).toBeUndefined()
  expect((await indexedDB.databases()).map((one) => one.name)).not.toContain(name)
  // A first opening by the old app is a first opening still.
  const old = await openOld(name)
  old.text.insert(0, 'new')
  await stored(name, 2)
  // Who does not know what is in it looks.
  expect(await importYIndexeddb(store, name, [])).toMatchObject({
    changes: 0,
    roots: [{ name: 'codemirror', kind: 'text', into: undefined }],
  })
  expect(await importYIndexeddb(store, name, into)).toMatchObject({ changes: 1 })

  const other = freshName()
  const opening = indexedDB.open(other, 3)
  opening.onupgradeneeded = () => opening.result.createObjectStore('things')
  ;(await request(opening)).close()
  await expect(importYIndexeddb(store, other, into)).rejects.toMatchObject({ code: 'not-y-indexeddb' })
  expect((await indexedDB.databases()).find((one) => one.name === other)?.version).toBe(3)
})

test('[IM16] stands in nobody’s way: who deletes the database is not blocked', async () => {
  const name = freshName()
  const { records } = historyOf(2_000)
  await write(name, records)
  const store = await open()
  let isBlocked = false
  let deleted: Promise<unknown> | undefined
  const importing = importYIndexeddb(store, name, into, {
    onProgress({ phase }) {
      if (phase !== 'reading' || deleted !== undefined) return
      const deleting = indexedDB.deleteDatabase(name)
      deleting.onblocked = () => (isBlocked = true)
      deleted = request(deleting)
    },
  })
  await expect(importing).rejects.toMatchObject({ code: 'import-interrupted' })
  await deleted
  expect([isBlocked, store.get(note), store.status.pending]).toEqual([false, '', 0])
})

test('[IM17] a record that is damaged is set aside, whichever it is and however; what does not build on it comes', async () => {
  const { records, made } = historyOf(24)
  // Another writer, on whom nothing of the first builds.
  const apart = new Y.Doc()
  apart.clientID = 6
  apart.getMap('settings').set('apart', true)
  const all = [...records, Y.encodeStateAsUpdate(apart)]
  const damages: ((update: Uint8Array) => unknown)[] = [
    (update) => update.slice(0, -1),
    (update) => update.slice(0, update.length >> 1),
    () => new Uint8Array(),
    (update) => update.map((byte, i) => (i === 0 ? byte ^ 0xff : byte)),
    () => 'no bytes',
  ]
  const name = freshName()
  await write(name, all)
  let setAside = 0
  for (let i = 0; i < all.length; i++) {
    const broken = damages[i % damages.length]!(all[i]!)
    await connected(name, (updates) => request(updates.put(broken, i + 1)), 'readwrite')
    const store = await open()
    const imported = await importYIndexeddb(store, name, into)
    expect(imported?.setAside).toEqual([
      {
        record: i + 1,
        error: expect.objectContaining({
          code: 'update-refused',
          message: expect.stringContaining(`Record ${i + 1} of`),
        }),
      },
    ])
    setAside += 1
    const left = all.filter((_, at) => at !== i)
    const model = new Y.Doc()
    for (const record of left) Y.applyUpdate(model, record)
    expect(store.get(note)).toBe(model.getText('codemirror').toString())
    expect(store.get(page).map).toEqual(model.getMap('settings').toJSON())
    const isPending = model.store.pendingStructs !== null || model.store.pendingDs !== null
    expect(imported!.missing.length > 0).toBe(isPending)
    // When the old app writes all of it once more, the rest comes.
    await connected(name, (updates) => request(updates.put(all[i], i + 1)), 'readwrite')
    await importYIndexeddb(store, name, into)
    expect(store.get(note)).toBe(made.getText('codemirror').toString())
    await store.close()
  }
  expect(setAside).toBe(all.length)
})

test('[IM17] a record that the browser cannot read is set aside as one that is damaged', async () => {
  const { records } = historyOf(24)
  const name = freshName()
  await write(name, records)
  const store = await open()
  const stop = loseValue(records[20]!)
  const imported = await importYIndexeddb(store, name, into).finally(stop)
  expect(imported).toMatchObject({
    records: 24,
    setAside: [
      {
        record: 21,
        error: {
          code: 'update-refused',
          message: `The browser cannot read record 21 of "${name}" (lost). It is set aside.`,
        },
      },
    ],
  })
  const model = new Y.Doc()
  for (const [i, record] of records.entries()) if (i !== 20) Y.applyUpdate(model, record)
  expect(store.get(note)).toBe(model.getText('codemirror').toString())
  // When it can be read again, the rest comes.
  expect((await importYIndexeddb(store, name, into))?.setAside).toEqual([])
  expect(store.get(note)).toBe(historyOf(24).made.getText('codemirror').toString())
})

test('[IM18] two tabs that import at once, and the old app that goes on, have it once', async () => {
  const name = freshName()
  const database = `import ${name}`
  cleanups.push(() => request(indexedDB.deleteDatabase(`syncline:${database}`)))
  const { records, made } = historyOf(300)
  await write(name, records)
  const [a, b] = [await open(indexedDb(database) as never), await open(indexedDb(database) as never)]
  await Promise.all([importYIndexeddb(a, name, into), importYIndexeddb(b, name, into)])
  const expected = [made.getText('codemirror').toString(), made.getMap('settings').toJSON()]
  const shown = (store: Store): unknown => [store.get(note), store.get(page).map]
  await expect.poll(() => [shown(a), shown(b)]).toEqual([expected, expected])
  await a.durable()
  const c = await open(indexedDb(database) as never)
  expect(shown(c)).toEqual(expected)
  expect(await importYIndexeddb(c, name, into)).toMatchObject({ changes: 0 })
})

test('[IM19] goes through what y-indexeddb puts together while it is read', async () => {
  const name = freshName()
  const old = await openOld(name)
  for (let i = 0; i < 700; i++) old.text.insert(old.text.length, 'x')
  await stored(name, 700)
  const store = await open()
  let trimmed: Promise<unknown> | undefined
  await importYIndexeddb(store, name, into, {
    onProgress({ phase }) {
      // What y-indexeddb does by itself, a second after its 500th update.
      if (phase === 'reading') trimmed ??= import('y-indexeddb').then(({ storeState }) => storeState(old.kept))
    },
  })
  await trimmed
  expect(store.get(note)).toBe('x'.repeat(700))
  await expect.poll(async () => (await recordsOf(name)).length).toBeLessThan(10)
  expect(await importYIndexeddb(store, name, into)).toMatchObject({ changes: 0 })
})

test('[IM19] 10,000 updates go in slices between which the page goes on; it can be ended and gone on with', async () => {
  const name = freshName()
  const { records, made } = historyOf(10_000)
  await write(name, records)
  const store = await open()
  const ended = new AbortController()
  const some: ImportProgress[] = []
  const importing = importYIndexeddb(store, name, into, {
    signal: ended.signal,
    onProgress(progress) {
      some.push(progress)
      if (progress.done >= 1_000) ended.abort(new Error('enough'))
    },
  })
  await expect(importing).rejects.toThrow('enough')
  expect([some.length, store.get(note)]).toEqual([10, ''])

  let turns = 0
  let isDone = false
  const turning = (): void => {
    turns += 1
    if (!isDone) setTimeout(turning, 0)
  }
  turning()
  const progress: ImportProgress[] = []
  const imported = await importYIndexeddb(store, name, into, { onProgress: (one) => void progress.push(one) })
  isDone = true
  expect(imported).toMatchObject({ records: 10_000, changes: 3, setAside: [], missing: [] })
  expect(progress.filter(({ phase }) => phase === 'reading').length).toBe(100)
  expect(progress.at(-1)).toEqual({ phase: 'writing', done: 3, total: 3 })
  expect(turns).toBeGreaterThan(20)
  expect(store.get(note)).toBe(made.getText('codemirror').toString())
  expect(store.get(page).map).toEqual(made.getMap('settings').toJSON())
  store.undo()
  expect([store.get(note), store.get(page).map]).toEqual(['', {}])
})

test('[IM19] ten megabytes are several Changes and one step', async () => {
  const name = freshName()
  const made = new Y.Doc()
  made.clientID = 5
  const records: Uint8Array[] = []
  made.on('update', (update: Uint8Array) => records.push(update))
  const line = 'All work and no play makes Jack a dull boy. '.repeat(1_000)
  for (let i = 0; i < 240; i++) made.getText('codemirror').insert(0, line)
  await write(name, records)
  const store = await open()
  const imported = await importYIndexeddb(store, name, into)
  expect(imported?.changes).toBe(10)
  expect(store.get(note).length).toBe(line.length * 240)
  store.undo()
  expect(store.get(note)).toBe('')
})
