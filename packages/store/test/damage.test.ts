import { counter, lww } from '@syncline/merge'
import { encodeChange, encodeEntry } from '@syncline/protocol'
import { expect, test } from 'vitest'
import { memoryStorage, openStore, StoreError, type Storage } from '../src/index.ts'
import { sealed } from './sealed.ts'
import { settle } from './world.ts'

const votes = counter('votes')
const title = lww('title', '')

/** An entry whose checksum is right, of a kind that nobody knows yet. */
const newerEntry = Uint8Array.of(1, 200, 0)

test('[DM1] an entry that cannot be understood is set aside, and all others are taken in', async () => {
  const storage = memoryStorage()
  const first = await openStore({ space: 'board', storage })
  await first.transact((tx) => tx.add(votes, 1)).durable()
  await first.close()
  await (await storage.openLog('board')).append(Uint8Array.of(1, 2, 3, 4, 5))
  const errors: unknown[] = []
  const onError = (error: unknown): void => void errors.push(error)
  const store = await openStore({ space: 'board', storage, onError })
  expect(errors).toMatchObject([{ code: 'storage-damaged', message: expect.stringContaining('entry 2: ') }])
  expect(store.status).toMatchObject({ storage: 'damaged', storageError: errors[0], pending: 1 })
  await store.transact((tx) => tx.add(votes, 2)).durable()
  await store.close()

  const again = await openStore({ space: 'board', storage, onError })
  expect(errors).toHaveLength(1)
  expect(again.status).toMatchObject({ storage: 'ok', storageError: undefined })
  expect(again.get(votes)).toBe(3)
  await again.close()
})

test('[DM1] [ST41] of an entry that says several things at once all is taken in, or nothing', async () => {
  const storage = memoryStorage()
  const first = await openStore({ space: 'board', storage })
  const { change } = first.transact((tx) => tx.add(votes, 1))
  await first.close()
  const others = memoryStorage()
  const log = await others.openLog('board')
  const commits = { kind: 'commits', changes: [{ record: encodeChange(change!), local: new Uint8Array() }] } as const
  const ended = { kind: 'ended', writer: change!.writer, lastSeq: 0, refused: [] } as const
  await log.append(
    encodeEntry({ kind: 'together', entries: [commits, { ...ended, reauthored: [new Uint8Array(40)] }] }),
  )
  await log.append(encodeEntry({ kind: 'together', entries: [commits, { ...ended, lastSeq: 1, reauthored: [] }] }))
  const errors: unknown[] = []
  const store = await openStore({ space: 'board', storage: others, onError: (error) => errors.push(error) })
  expect(errors).toMatchObject([{ code: 'storage-damaged', message: expect.stringContaining('1 of the entries') }])
  // The first time it would be settled, and gone.
  expect([store.get(votes), store.status.pending]).toEqual([1, 1])
  await store.close()
})

test('[DM1] a store that is open hears of it too, once, and goes on with what comes after', async () => {
  const errors: unknown[] = []
  const storage = memoryStorage()
  const one = await openStore({ space: 'board', storage, onError: (error) => errors.push(error) })
  const log = await storage.openLog('board')
  for (const text of ['one', 'two']) {
    if (text === 'one') await log.append(Uint8Array.of(1, 2, 3, 4, 5))
    // Told its position, it finds that there is something before it.
    await one.transact((tx) => tx.set(title, text)).durable()
    await settle()
  }
  expect(errors).toMatchObject([{ code: 'storage-damaged' }])
  expect(one.status).toMatchObject({ storage: 'damaged', unsaved: 0 })
  const two = await openStore({ space: 'board', storage, onError: (error) => errors.push(error) })
  await two.transact((tx) => tx.set(title, 'three')).durable()
  await settle()
  expect(one.get(title)).toBe('three')
  expect(errors).toHaveLength(1)
  await one.close()
  await two.close()
})

test('[DM1] what the storage itself cannot read is set aside as well, and a failure to do so is no failure to open', async () => {
  const base = memoryStorage()
  const writer = await openStore({ space: 'board', storage: base })
  await writer.transact((tx) => tx.add(votes, 1)).durable()
  await writer.transact((tx) => tx.add(votes, 2)).durable()
  await writer.close()
  const asked: unknown[] = []
  const storage: Storage = {
    ...base,
    async openLog(space) {
      const log = await base.openLog(space)
      return {
        ...log,
        read: (after, each, bad) =>
          log.read(after, (entry, position, claim) =>
            position === 1 ? bad!(position, 'it is gone') : each(entry, position, claim),
          ),
        setAside(position, reason) {
          asked.push([position, reason])
          return Promise.reject(new StoreError('storage-failed', 'The disk is full.'))
        },
      }
    },
  }
  const errors: unknown[] = []
  const store = await openStore({ space: 'board', storage, onError: (error) => errors.push(error) })
  expect(asked).toEqual([[1, 'it is gone']])
  expect(errors).toMatchObject([{ code: 'storage-damaged', message: expect.stringContaining('it is gone') }])
  expect(store.get(votes)).toBe(2)
  await store.close()
})

test('[DM2] a log that newer code has written is left alone: the store works in memory and says why', async () => {
  const storage = memoryStorage()
  const log = await storage.openLog('board')
  const old = await openStore({ space: 'board', storage })
  await old.transact((tx) => tx.add(votes, 1)).durable()
  await old.close()
  await log.append(sealed(newerEntry))
  const before: Uint8Array[] = []
  await log.read(0, (entry) => before.push(entry))
  const errors: unknown[] = []
  const store = await openStore({ space: 'board', storage, onError: (error) => errors.push(error) })
  expect(errors).toMatchObject([{ code: 'storage-newer' }])
  expect(store.status).toMatchObject({ storage: 'memory-only', storageError: { code: 'storage-newer' } })
  expect(store.get(votes)).toBe(0)
  await expect(store.transact((tx) => tx.add(votes, 5)).durable()).rejects.toMatchObject({ code: 'storage-newer' })
  expect(store.get(votes)).toBe(5)
  await store.close()
  const after: Uint8Array[] = []
  await log.read(0, (entry) => after.push(entry))
  expect(after).toEqual(before)
})

test('[DM2] a storage that says itself that it is newer is left alone as well', async () => {
  const errors: unknown[] = []
  const newer = { openLog: () => Promise.reject(new StoreError('storage-newer', 'Reload.')) }
  const store = await openStore({ space: 'board', storage: newer, onError: (error) => errors.push(error) })
  expect(errors).toMatchObject([{ code: 'storage-newer' }])
  expect(store.status).toMatchObject({ storage: 'memory-only', storageError: { code: 'storage-newer' } })
  await store.close()
})

test('[DM2] an entry of newer code that a sibling writes is not passed over, and stays said', async () => {
  const errors: unknown[] = []
  const storage = memoryStorage()
  const store = await openStore({ space: 'board', storage, onError: (error) => errors.push(error) })
  await (await storage.openLog('board')).append(sealed(newerEntry))
  for (let i = 0; i < 2; i++) {
    store.transact((tx) => tx.add(votes, 1))
    await settle()
  }
  expect(store.status).toMatchObject({ storage: 'degraded', storageError: { code: 'storage-newer' } })
  expect(errors).toMatchObject([{ code: 'storage-newer' }])
  expect(store.get(votes)).toBe(2)
  await store.close()
})
