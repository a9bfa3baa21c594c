import { counter, lww } from '@syncline/merge'
import { openStore, type Storage, type Store } from '@syncline/store'
import { expect, test } from 'vitest'
import { databaseName } from '../src/format.ts'
import { indexedDb } from '../src/index.ts'
import { signOut, storageOf, unsyncedIn } from '../src/principals/index.ts'
import { freshName, patient } from './names.ts'

const title = lww('title', '')
const votes = counter('votes')

const open = (name: string): Promise<Store> => openStore({ space: 'board', storage: indexedDb(name) })
const isThere = async (name: string): Promise<boolean> =>
  (await indexedDB.databases()).some((database) => database.name === databaseName(name))

test('[PR1] [PR2] [PR4] [PR5] a guest signs in, works on and leaves the machine', async () => {
  const app = freshName()
  const guest = await open(storageOf(app, null))
  await guest.transact((tx) => tx.set(title, 'mine')).durable()
  await guest.close()
  const ada = storageOf(app, 'ada')
  await signOut(storageOf(app, null), { data: 'handOver', to: ada })
  expect([await isThere(app), await isThere(ada)]).toEqual([false, true])

  const store = await open(ada)
  expect(store.get(title)).toBe('mine')
  await store.transact((tx) => tx.add(votes, 1)).durable()
  expect(await unsyncedIn(ada)).toEqual([{ space: 'board', pending: 2, undecided: 0, refused: 0, unreadable: 0 }])
  await expect(signOut(ada, { data: 'wipe' })).rejects.toMatchObject({ code: 'unsynced' })
  // This one is of another tab: it loses its storage and keeps what it shows.
  await signOut(ada, { data: 'wipe', unsynced: 'lose' })
  expect(await isThere(ada)).toBe(false)
  await expect.poll(() => store.status.storage).toBe('evicted')
  expect([store.get(title), store.get(votes)]).toEqual(['mine', 1])
  await store.close()
})

test('[PR5] what is a checkpoint by now comes beside what is there, which is one too', async () => {
  const app = freshName()
  const draft = lww('draft', '', { arbiter: 'browser' })
  const drafts = counter('drafts', { arbiter: 'browser' })
  const kindsOf = async (name: string): Promise<readonly (number | undefined)[]> => {
    const log = await indexedDb(name).openLog('board')
    const kinds: (number | undefined)[] = []
    await log.read(0, (entry) => void kinds.push(entry[1]))
    await log.close()
    return kinds
  }
  const [guest, ada] = [storageOf(app, null), storageOf(app, 'ada')]
  for (const [name, text] of [
    [ada, 'before'],
    [guest, 'after'],
  ] as const) {
    const storage = indexedDb(name)
    const openLog: Storage['openLog'] = async (space) => ({ ...(await storage.openLog(space)), worthBytes: 1 })
    const store = await openStore({ space: 'board', storage: { ...storage, openLog } })
    await store.transact((tx) => (tx.set(title, text), tx.add(votes, 1))).durable()
    await store.transactAsync((tx) => (tx.set(draft, text), tx.add(drafts, 1)), { arbiter: 'browser' })
    await store.transactAsync((tx) => tx.set(draft, text.repeat(1000)), { arbiter: 'browser' })
    // A directory, cells, what is left beside them with what is read when it is asked for, and a last part that counts what is pending.
    await expect
      .poll(async () => (await kindsOf(name)).every((kind) => [9, 10, 12, 15, 16].includes(kind!)), patient)
      .toBe(true)
    await store.close()
  }
  await signOut(guest, { data: 'handOver', to: ada })
  expect(await isThere(guest)).toBe(false)
  expect(new Set(await kindsOf(ada))).toEqual(new Set([12, 9, 16, 15, 11]))
  const store = await open(ada)
  expect([title, draft].map((ref) => store.get(ref))).toEqual(['after', 'after'.repeat(1000)])
  expect([store.get(votes), store.get(drafts), store.status.pending]).toEqual([2, 2, 2])
  for (let step = 0; step < 3; step++) await store.undoAsync()
  // The guest had found no title.
  expect([store.get(title), store.get(votes), store.get(drafts)]).toEqual(['', 1, 1])
  await store.close()
})
