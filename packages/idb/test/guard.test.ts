import { counter, lww } from '@syncline/merge'
import { memoryStorage, openStore, StoreError, type Clock, type Storage, type Transport } from '@syncline/store'
import { expect, test } from 'vitest'
import { guardUnload, indexedDb, requestPersistence, type Surroundings } from '../src/index.ts'
import { watchPersistence } from '../src/persistence.ts'

const votes = counter('votes')

/** Whether somebody who leaves the page is asked. */
function asks(page: EventTarget): boolean {
  return !page.dispatchEvent(new Event('beforeunload', { cancelable: true }))
}

/** Counts its listeners. */
class Page extends EventTarget {
  listeners = 0
  override addEventListener(...args: Parameters<EventTarget['addEventListener']>): void {
    this.listeners += 1
    super.addEventListener(...args)
  }
  override removeEventListener(...args: Parameters<EventTarget['removeEventListener']>): void {
    this.listeners -= 1
    super.removeEventListener(...args)
  }
}

test('[ID21] there is a listener while something is in memory only because storing fails, and never else', async () => {
  const base = memoryStorage()
  let isFull = false
  const storage: Storage = {
    ...base,
    async openLog(space) {
      const log = await base.openLog(space)
      return {
        ...log,
        append: (entry, options) =>
          isFull ? Promise.reject(new StoreError('storage-full', 'There is no room.')) : log.append(entry, options),
      }
    },
  }
  const timers = new Set<() => void>()
  const clock: Clock = {
    nowMs: () => 1_700_000_000_000,
    setTimer(_, fn) {
      timers.add(fn)
      return () => timers.delete(fn)
    },
  }
  const page = new Page()
  const store = await openStore({ space: 'board', storage, clock })
  const stop = guardUnload(store, page)
  await store.transact((tx) => tx.add(votes, 1)).durable()
  expect([page.listeners, asks(page)]).toEqual([0, false])

  isFull = true
  await expect(store.transact((tx) => tx.add(votes, 1)).durable()).rejects.toMatchObject({ code: 'storage-full' })
  expect([page.listeners, asks(page)]).toEqual([1, true])
  store.transact((tx) => tx.add(votes, 1))
  await new Promise((resolve) => setImmediate(resolve))
  expect([page.listeners, asks(page)]).toEqual([1, true])

  isFull = false
  const due = [...timers]
  timers.clear()
  for (const fire of due) fire()
  await new Promise((resolve) => setImmediate(resolve))
  await store.durable()
  expect([page.listeners, asks(page)]).toEqual([0, false])

  isFull = true
  await expect(store.transact((tx) => tx.add(votes, 1)).durable()).rejects.toThrow('no room')
  expect(asks(page)).toBe(true)
  stop()
  expect(asks(page)).toBe(false)
  isFull = false
  await store.close()
})

/** A relay that is never reached. */
const silence: Transport = { connect: () => ({ send: () => undefined, bufferedBytes: 0, close: () => undefined }) }

test.each([
  ['and no relay', {}],
  ['and a relay that does not answer', { transport: silence }],
])('[ID21] where there is no storage %s what was committed is guarded', async (_, options) => {
  const page = new Page()
  const store = await openStore({ space: 'board', storage: indexedDb('none'), ...options })
  const stop = guardUnload(store, page)
  expect([store.status.storage, page.listeners]).toEqual(['memory-only', 0])
  store.transact((tx) => tx.add(votes, 1))
  await new Promise((resolve) => setImmediate(resolve))
  expect([page.listeners, asks(page)]).toEqual([1, true])
  stop()
  await store.close()
})

test('[ID21] where there is no storage what is in `browser` refs is guarded, whatever the relay has', async () => {
  const draft = lww('draft', '', { arbiter: 'browser' })
  const page = new Page()
  const store = await openStore({ space: 'board', storage: indexedDb('none'), transport: silence })
  const stop = guardUnload(store, page)
  expect([store.status.storage, page.listeners]).toEqual(['memory-only', 0])
  await store.transactAsync((tx) => tx.set(draft, 'mine'), { arbiter: 'browser' })
  await new Promise((resolve) => setImmediate(resolve))
  expect([store.status.pending, page.listeners, asks(page)]).toEqual([0, 1, true])
  stop()
  await store.close()
})

test('what the browser answers is told, also when it cannot be asked', async () => {
  let asked = 0
  const answering = (persisted: boolean, persist: boolean): Pick<StorageManager, 'persist' | 'persisted'> => ({
    persisted: async () => persisted,
    persist: async () => (asked++, persist),
  })
  expect(await requestPersistence(answering(true, false))).toBe('granted')
  expect(asked).toBe(0)
  expect(await requestPersistence(answering(false, true))).toBe('granted')
  expect(await requestPersistence(answering(false, false))).toBe('denied')
  expect(asked).toBe(2)
  const forbidden = (): Promise<never> => Promise.reject(new TypeError('No.'))
  expect(await requestPersistence({ persisted: forbidden, persist: forbidden })).toBe('denied')
  expect(await requestPersistence()).toBe('unknown')
})

/** What a storage stands on, of which persistence is asked. */
function keptBy(keeper: Surroundings['keeper'], page?: EventTarget): Surroundings {
  return { keeper, page } as unknown as Surroundings
}

test('[ID23] who watches is told what the browser says, and what it has answered since, also to another page', async () => {
  let isKept: boolean | Error = false
  const keeper = {
    persisted: async () => (isKept instanceof Error ? Promise.reject(isKept) : isKept),
    persist: async () => false,
  } as unknown as StorageManager
  const page = new EventTarget()
  const show = async (): Promise<void> => {
    page.dispatchEvent(new Event('visibilitychange'))
    await new Promise((resolve) => setImmediate(resolve))
  }
  // What the page has asked before is over.
  isKept = true
  await requestPersistence(keeper)
  isKept = false
  const told: string[] = []
  const stop = watchPersistence(keptBy(keeper, page), (answer) => told.push(answer))
  expect(told).toEqual([])
  await show()
  expect(told.at(-1)).toBe('unasked')
  expect(await requestPersistence(keeper)).toBe('denied')
  await new Promise((resolve) => setImmediate(resolve))
  expect(told.at(-1)).toBe('denied')
  await show()
  expect(told.at(-1)).toBe('denied')
  // It has been asked elsewhere.
  isKept = true
  await show()
  expect(told.at(-1)).toBe('granted')
  isKept = new TypeError('No.')
  await show()
  expect(told.at(-1)).toBe('denied')
  stop()
  const count = told.length
  isKept = true
  await show()
  expect(told.length).toBe(count)
  // Where nobody can be asked nothing is told.
  watchPersistence(keptBy(undefined, page), () => told.push('something'))()
  expect(told.length).toBe(count)
  // Nor is anything kept.
  const listening: string[] = []
  const quiet = { addEventListener: (type: string) => listening.push(type), removeEventListener: () => undefined }
  watchPersistence(keptBy(undefined, quiet as unknown as EventTarget), () => told.push('something'))
  expect(listening).toEqual([])
})
