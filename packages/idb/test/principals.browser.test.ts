import { counter, lww } from '@syncline/merge'
import { openStore, type Store } from '@syncline/store'
import { expect, test } from 'vitest'
import { databaseName } from '../src/format.ts'
import { indexedDb } from '../src/index.ts'
import { signOut, storageOf, unsyncedIn } from '../src/principals/index.ts'
import { freshName } from './names.ts'

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
