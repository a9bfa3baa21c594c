import { lww } from '@syncline/merge'
import { decodeEntry } from '@syncline/protocol'
import { createMemoryStorage, createRelay } from '@syncline/relay'
import { memoryStorage, openStore, type Storage, type Store, type StoreOptions } from '@syncline/store'
import { expect, vi } from 'vitest'
import { doc, openDoc, openText, text } from '../src/index.ts'
import { linkTo } from './link.ts'

const title = lww('title', '')
const book = text('book')
const page = doc('page', 'one')
const LONG = 'All work and no play. '.repeat(20_000)

/** A storage that is compacted soon, and counts what is read of texts and docs. */
function counting(storage: Storage): Storage & { readonly read: { largest: number; documents: number } } {
  const read = { largest: 0, documents: 0 }
  return {
    ...storage,
    read,
    async openLog(space) {
      const log = await storage.openLog(space)
      return {
        ...log,
        worthBytes: 2_000,
        read: (after, each, ...how) =>
          log.read(
            after,
            (bytes, ...more) => {
              read.largest = Math.max(read.largest, bytes.length)
              const entry = decodeEntry(bytes)
              if (entry.kind === 'cells') read.documents += entry.cells.filter(({ tag }) => tag !== 'lww').length
              return each(bytes, ...more)
            },
            ...how,
          ),
      }
    },
  }
}

/** How many of the checkpoint's cells are documents. */
async function documentsIn(storage: Storage): Promise<number> {
  const log = await storage.openLog('library')
  let count = 0
  await log.read(0, (bytes) => {
    const entry = decodeEntry(bytes)
    if (entry.kind === 'cells') count += entry.cells.filter(({ tag }) => tag !== 'lww').length
  })
  await log.close()
  return count
}

const until = (holds: () => unknown): Promise<unknown> => vi.waitFor(holds, { timeout: 20_000 })
const isGone = (store: Store): void => expect([store.isLoaded(book), store.isLoaded(page)]).toEqual([false, false])

/** Long texts and docs stay on the disk until they are opened, and while nobody has them open. Gives what was reported. */
export async function documentsOnDemand(base: Storage): Promise<readonly unknown[]> {
  const relay = createRelay({ storage: createMemoryStorage() })
  const errors: unknown[] = []
  const storage = counting(base)
  const open = (options: Partial<StoreOptions> = {}): Promise<Store> =>
    openStore({
      space: 'library',
      transport: linkTo(relay),
      onError: (error) => errors.push(error),
      onDemand: [book, page],
      storage,
      ...options,
    })
  const first = await open()
  const held = [await first.load(book), await first.load(page)]
  first.transact((tx) => {
    tx.set(book, LONG)
    tx.edit(page, ({ map }) => void map.set('a', 1))
    tx.set(title, 'there')
  })
  await first.synced()
  await first.durable()
  await until(async () => expect(await documentsIn(storage)).toBe(2))
  for (const one of held) one.release()
  isGone(first)
  // It compacts what it has let go of.
  for (let i = 0; i < 40; i++) {
    await first.transact((tx) => tx.set(title, `${i}`.padEnd(20_000)), { undo: false }).synced()
  }
  await first.close()
  expect(await documentsIn(storage)).toBe(2)

  storage.read.largest = storage.read.documents = 0
  const store = await open()
  expect([store.get(title).trim(), storage.read.documents]).toEqual(['39', 0])
  expect(storage.read.largest).toBeLessThan(LONG.length)
  for (const act of [() => store.get(book), () => openText(store, book), () => openDoc(store, page)]) {
    expect(act).toThrow(expect.objectContaining({ code: 'not-loaded' }))
  }
  expect(() => store.transact((tx) => tx.insert(book, 0, 'never'))).toThrow('not loaded')

  const loaded = await store.load(book)
  expect([store.get(book), store.isLoaded(page)]).toEqual([LONG, false])
  const opened = openText(store, book)
  expect(opened.text.toString()).toBe(LONG)
  opened.text.insert(0, 'Typed. ')
  await Promise.resolve()
  await store.synced()
  await store.durable()
  loaded.release()
  const other = await open({ storage: memoryStorage(), onDemand: [] })
  await until(() => expect(other.get(book)).toBe(`Typed. ${LONG}`))
  await other.transact((tx) => tx.insert(book, 0, 'Theirs. ')).synced()
  await until(() => expect(opened.text.toString()).toBe(`Theirs. Typed. ${LONG}`))
  // Somebody has it open: it stays when what nobody has open leaves.
  ;(await store.load(page)).release()
  await until(() => expect([store.isLoaded(book), store.isLoaded(page)]).toEqual([true, false]))
  opened.close()
  ;(await store.load(book)).release()
  await until(() => isGone(store))

  // Others write it while it is away, and so it is when it comes back.
  await other
    .transact((tx) => {
      tx.insert(book, 0, 'More. ')
      tx.edit(page, ({ map }) => void map.set('b', 2))
    })
    .synced()
  await until(() => expect(store.snapshot.basis).toEqual(other.snapshot.basis))
  isGone(store)
  const again = [await store.load(book), await store.load(page)]
  expect([store.get(book), store.get(page).map]).toEqual([other.get(book), { a: 1, b: 2 }])
  const reopened = openText(store, book)
  reopened.text.insert(reopened.text.length, 'End.')
  await Promise.resolve()
  await store.synced()
  await until(() => expect(other.get(book)).toBe(`More. Theirs. Typed. ${LONG}End.`))
  reopened.close()
  for (const one of again) one.release()
  await Promise.all([store.close(), other.close()])
  return errors
}
