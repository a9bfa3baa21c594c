import { counter, lww } from '@syncline/merge'
import { openStore, type Storage, type Store } from '@syncline/store'
import { expect, test } from 'vitest'
import { databaseName } from '../src/format.ts'
import { indexedDb } from '../src/index.ts'
import { signOut, storageOf, unsyncedIn } from '../src/principals/index.ts'
import { type Surroundings, surroundingsHere } from '../src/surroundings.ts'
import { freshName, patient, versionsOf } from './names.ts'
import { openTab } from './tab.ts'

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
    // A directory, cells, what is left beside them with what is read when it is asked for and its spare, and a last part that counts what is pending.
    await expect
      .poll(async () => (await kindsOf(name)).every((kind) => [9, 10, 12, 15, 16, 20].includes(kind!)), patient)
      .toBe(true)
    await store.close()
  }
  await signOut(guest, { data: 'handOver', to: ada })
  expect(await isThere(guest)).toBe(false)
  expect(new Set(await kindsOf(ada))).toEqual(new Set([12, 9, 16, 20, 15, 11]))
  const store = await open(ada)
  expect([title, draft].map((ref) => store.get(ref))).toEqual(['after', 'after'.repeat(1000)])
  expect([store.get(votes), store.get(drafts), store.status.pending]).toEqual([2, 2, 2])
  for (let step = 0; step < 3; step++) await store.undoAsync()
  // The guest had found no title.
  expect([store.get(title), store.get(votes), store.get(drafts)]).toEqual(['', 1, 1])
  await store.close()
})

/** Opens a store in another tab, and has it commit again and again until that fails. */
async function writeEachMs(name: string, gapMs: number) {
  const tab = await openTab()
  const store = await openStore({ space: 'board', storage: tab.indexedDb(name) })
  let told = 0
  const ended = (async (): Promise<void> => {
    try {
      for (;;) {
        await store.transact((tx) => tx.add(votes, 1)).durable()
        told++
        await new Promise((resolve) => setTimeout(resolve, gapMs))
      }
    } catch {
      // It is not stored, and was told so.
    }
  })()
  const end = async (): Promise<void> => {
    await store.close().catch(() => undefined)
    tab.kill()
  }
  return { store, ended, told: () => told, end }
}

const votesIn = async (name: string): Promise<number> => {
  const store = await open(name)
  const count = store.get(votes)
  await store.close()
  return count
}

test.each([5, 40])(
  '[PR6] what another tab commits each %s ms meanwhile is handed over if it was told to be stored',
  async (gapMs) => {
    for (let round = 0; round < 4; round++) {
      const app = freshName()
      const writer = await writeEachMs(app, gapMs)
      await expect.poll(writer.told, patient).toBeGreaterThan(round)
      await signOut(app, { data: 'handOver', to: storageOf(app, 'ada') })
      await writer.ended
      expect([await isThere(app), await votesIn(storageOf(app, 'ada'))]).toEqual([false, writer.told()])
      await expect
        .poll(() => writer.store.status, patient)
        .toMatchObject({ storage: 'evicted', problem: { code: 'signed-out' } })
      expect(writer.store.status.atRisk).toBeGreaterThan(0)
      await writer.end()
    }
  },
  60_000,
)

/** What a tab sees that has committed something, and of which nobody was signed out. */
const untouched = { isStored: 'stored', storage: 'ok', problem: undefined }

test('[PR6] what another tab commits meanwhile keeps anybody from being signed out if it was told to be stored', async () => {
  for (let round = 0; round < 12; round++) {
    const app = freshName()
    // The storage is there, and has nothing.
    await (await open(app)).close()
    const leaving = signOut(app, { data: 'wipe' }).then(
      () => 'signed out',
      (error: { readonly code: string }) => error.code,
    )
    const store = await open(app)
    await new Promise((resolve) => setTimeout(resolve, round))
    const committed = store
      .transact((tx) => tx.add(votes, 1))
      .durable()
      .then(
        () => 'stored',
        () => 'not stored',
      )
    const [outcome, isStored] = await Promise.all([leaving, committed])
    const { storage, problem } = store.status
    const seen = { isStored, storage, problem: problem?.code }
    expect(outcome === 'unsynced' ? seen : untouched).toEqual(untouched)
    await store.close().catch(() => undefined)
    expect(await votesIn(app)).toBe(isStored === 'stored' ? 1 : 0)
  }
})

test('[PR6] a tab that stands still in the middle of something keeps anybody from being signed out, and nothing happens later', async () => {
  const app = freshName()
  const store = await open(app)
  await store.transact((tx) => tx.set(title, 'mine')).durable()
  const request = indexedDB.open(databaseName(app))
  await new Promise((resolve) => (request.onsuccess = resolve))
  const entries = request.result.transaction('entries', 'readwrite').objectStore('entries')
  let isHeld = true
  const hold = (): void => void (entries.count().onsuccess = () => isHeld && hold())
  hold()
  const surroundings = Object.create(surroundingsHere, {
    setTimer: { value: (delayMs: number, fn: () => void) => surroundingsHere.setTimer(delayMs / 20, fn) },
  }) as Surroundings
  await expect(signOut(app, { data: 'wipe', unsynced: 'lose', surroundings })).rejects.toMatchObject({
    code: 'storage-blocked',
  })
  isHeld = false
  request.result.close()
  await store.transact((tx) => tx.add(votes, 1)).durable()
  expect(store.status).toMatchObject({ storage: 'ok', problem: undefined })
  await store.close()
  expect(await votesIn(app)).toBe(1)
})

test('[PR7] where the page ends before the storage is deleted nothing is stored there any more, and whoever opens it has a new one', async () => {
  const app = freshName()
  const store = await open(app)
  await store.transact((tx) => tx.set(title, 'mine')).durable()
  const { databases } = surroundingsHere
  const surroundings = Object.create(surroundingsHere, {
    databases: { value: { open: databases!.open, delete: () => new Promise(() => undefined) } },
  }) as Surroundings
  let isOver = false
  void signOut(app, { data: 'wipe', unsynced: 'lose', surroundings }).then(() => (isOver = true))
  await expect.poll(() => store.status.problem?.code, patient).toBe('signed-out')
  expect([isOver, await versionsOf(app), await unsyncedIn(app)]).toEqual([false, [4], []])
  await expect(store.transact((tx) => tx.add(votes, 1)).durable()).rejects.toMatchObject({ code: 'storage-failed' })
  await expect.poll(() => store.status.storage, patient).toBe('evicted')
  await expect(store.transact((tx) => tx.add(votes, 1)).durable()).rejects.toMatchObject({
    code: expect.stringMatching('storage-(failed|evicted)'),
  })
  await store.close().catch(() => undefined)

  const next = await open(app)
  expect([next.get(title), next.get(votes), next.status.storage]).toEqual(['', 0, 'ok'])
  await next.transact((tx) => tx.add(votes, 1)).durable()
  await next.close()
  expect(await votesIn(app)).toBe(1)
})
