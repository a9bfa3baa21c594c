import { counter, lww } from '@syncline/merge'
import type { Tx } from '@syncline/stm'
import { expect, test } from 'vitest'
import { memoryStorage, openStore, StoreError, type Clock, type Log, type Storage } from '../src/index.ts'
import { createWorld, settle } from './world.ts'

const browser = { arbiter: 'browser' } as const
const total = lww('total', 0, browser)
const votes = counter('votes', browser)
const title = lww('title', '')

/** A storage as one tab sees it, whose logs behave otherwise. */
function changed(base: Storage, change: (log: Log) => Partial<Log>): Storage {
  return {
    ...base,
    async openLog(space) {
      const log = await base.openLog(space)
      return { ...log, ...change(log) }
    },
  }
}

const full = (): StoreError => new StoreError('storage-full', 'There is no room.')

/** Everything takes a while once it `begins`. */
function slowed(base: Storage, clock: Clock, ms: number): { readonly storage: Storage; begin(): void } {
  let isSlow = false
  const wait = (): Promise<void> => (isSlow ? new Promise((resolve) => clock.setTimer(ms, resolve)) : Promise.resolve())
  const storage = changed(base, (log) => ({
    async append(entry, options) {
      await wait()
      return log.append(entry, options)
    },
    async read(after, each) {
      await wait()
      return log.read(after, each)
    },
  }))
  return { storage, begin: () => (isSlow = true) }
}

test('[BR9] a log that refuses the entry rejects the transaction, and nothing has happened', async () => {
  const world = await createWorld(1)
  const base = memoryStorage()
  let isFull = false
  const storage = changed(base, (log) => ({
    append: (entry, options) => (isFull ? Promise.reject(full()) : log.append(entry, options)),
  }))
  const store = await world.open({ storage })
  await store.transactAsync((tx) => tx.add(votes, 1), browser)
  const before = store.snapshot
  isFull = true
  const group = await Promise.allSettled([1, 2, 3].map(() => store.transactAsync((tx) => tx.add(votes, 1), browser)))
  expect(group).toMatchObject(Array.from({ length: 3 }, () => ({ reason: { code: 'storage-full' } })))
  expect(store.snapshot).toBe(before)
  // Work of the other kind goes on in memory, and is not waited for by what cannot be decided.
  store.transact((tx) => tx.set(title, 'kept'))
  await settle()
  expect(store.status.storage).toBe('quota')
  await expect(store.transactAsync((tx) => tx.add(votes, 1), browser)).rejects.toMatchObject({ code: 'storage-full' })
  isFull = false
  await world.clock.pass(5_000)
  await store.transactAsync((tx) => tx.add(votes, 1), browser)
  expect([store.get(votes), store.get(title), store.status.storage]).toEqual([2, 'kept', 'ok'])
  const other = await world.open({ storage: base })
  expect([other.get(votes), other.get(title)]).toEqual([2, 'kept'])
  await world.close()
})

for (const isReadable of [true, false]) {
  test(`[BR9] [ST38] an entry that is there although the log said no is one that committed, ${isReadable ? 'as the log tells' : 'once the log can be read'}`, async () => {
    const world = await createWorld(2)
    const base = memoryStorage()
    let breaks = false
    let appended = 0
    let refusals = 0
    const storage = changed(base, (log) => ({
      async append(entry, options) {
        const position = await log.append(entry, options)
        if (!breaks) return position
        appended += 1
        throw full()
      },
      read(after, each) {
        if (!breaks || isReadable || appended === 0 || refusals === 3) return log.read(after, each)
        refusals += 1
        return Promise.reject(full())
      },
    }))
    const store = await world.open({ storage })
    const sibling = await world.open({ storage: base })
    breaks = true
    const runs: number[] = []
    const work = Promise.all(
      [1, 2, 3].map((step) =>
        store.transactAsync((tx) => {
          runs.push(step)
          tx.update(total, (n) => n + step)
        }, browser),
      ),
    )
    await world.clock.pass(10_000)
    await work
    breaks = false
    expect([store.get(total), sibling.get(total), appended, refusals]).toEqual([6, 6, 1, isReadable ? 0 : 3])
    await store.transactAsync((tx) => tx.update(total, (n) => n + 1), browser)
    const other = await world.open({ storage: base })
    expect([store.get(total), other.get(total)]).toEqual([7, 7])
    await world.close()
  })
}

test('[BR9] a log that cannot be read rejects before the body is run', async () => {
  const base = memoryStorage()
  let isBroken = false
  const storage = changed(base, (log) => ({
    read: (after, each) => (isBroken ? Promise.reject(full()) : log.read(after, each)),
  }))
  const store = await openStore({ space: 'board', storage })
  isBroken = true
  let runs = 0
  const work = store.transactAsync((tx) => {
    runs += 1
    tx.add(votes, 1)
  }, browser)
  await expect(work).rejects.toMatchObject({ code: 'storage-full' })
  expect(runs).toBe(0)
  await store.close()
})

test('[BR10] a signal ends what waits for its turn, and not what is on its way into the log', async () => {
  const base = memoryStorage()
  const gates: (() => void)[] = []
  let isHeld = false
  const storage = changed(base, (log) => ({
    async append(entry, options) {
      if (isHeld) await new Promise<void>((open) => gates.push(open))
      return log.append(entry, options)
    },
  }))
  const store = await openStore({ space: 'board', storage })
  isHeld = true
  const aborting = [new AbortController(), new AbortController()]
  const [sent, waits] = aborting.map(({ signal }, i) =>
    store.transactAsync((tx) => tx.add(votes, i + 1), { ...browser, signal }),
  )
  await settle()
  // Both are in one entry; a third one comes too late for it.
  const late = new AbortController()
  const third = store.transactAsync((tx) => tx.add(votes, 100), { ...browser, signal: late.signal })
  await settle()
  expect(gates.length).toBe(1)
  const reason = new Error('not any more')
  for (const one of [...aborting, late]) one.abort(reason)
  await expect(third).rejects.toBe(reason)
  isHeld = false
  gates[0]!()
  expect((await sent!).change).toBeDefined()
  expect((await waits!).change).toBeDefined()
  expect(store.get(votes)).toBe(3)
  await store.close()
})

test('[BR10] what was ended while its entry was refused is over, and does not come again', async () => {
  const storage = memoryStorage()
  const gates: (() => void)[] = []
  let isHeld = false
  const slow = changed(storage, (log) => ({
    async append(entry, options) {
      if (isHeld) await new Promise<void>((open) => gates.push(open))
      return log.append(entry, options)
    },
  }))
  const one = await openStore({ space: 'board', storage: slow })
  const two = await openStore({ space: 'board', storage })
  isHeld = true
  const abort = new AbortController()
  const ended = one.transactAsync((tx) => tx.add(votes, 1), { ...browser, signal: abort.signal })
  const outcome = ended.catch((error: unknown) => error)
  await settle()
  await two.transactAsync((tx) => tx.add(votes, 10), browser)
  abort.abort('over')
  isHeld = false
  gates[0]!()
  expect(await outcome).toBe('over')
  await settle()
  expect([one.get(votes), two.get(votes)]).toEqual([10, 10])
  await one.close()
  await two.close()
})

test('[BR2] closing ends what waits, and what is on its way is there', async () => {
  const base = memoryStorage()
  const store = await openStore({ space: 'board', storage: base })
  const work = Promise.allSettled([1, 2].map(() => store.transactAsync((tx) => tx.add(votes, 1), browser)))
  await Promise.resolve()
  await store.close()
  const outcomes = await work
  const again = await openStore({ space: 'board', storage: base })
  expect(again.get(votes)).toBe(outcomes.filter(({ status }) => status === 'fulfilled').length)
  for (const outcome of outcomes) {
    expect(outcome.status === 'fulfilled' || outcome.reason.code === 'closed').toBe(true)
  }
  await expect(store.transactAsync((tx) => tx.add(votes, 1), browser)).rejects.toMatchObject({ code: 'closed' })
  await again.close()
})

for (const courtesy of ['with locks and channels', 'without']) {
  test(`[BR4] eight tabs that always get in each other’s way get ahead, ${courtesy}`, async () => {
    const world = await createWorld(3)
    const { locks, channels, ...alone } = memoryStorage()
    const { storage, begin } = slowed(courtesy === 'without' ? alone : { ...alone, locks, channels }, world.clock, 2)
    const tabs = await Promise.all(Array.from({ length: 8 }, () => world.open({ storage })))
    begin()
    let acknowledged = 0
    const work = Promise.all(
      tabs.map(async (tab) => {
        for (let i = 0; i < 12; i++) {
          // A body that awaits is run again by itself, and begins on what the others have left.
          const step = async (tx: Tx<'browser'>): Promise<void> => {
            const before = tx.get(total)
            await Promise.resolve()
            tx.set(total, before + 1)
          }
          await tab.transactAsync(step, { ...browser, attempts: 10_000 })
          acknowledged += 1
        }
      }),
    )
    while (acknowledged < 96) {
      const before = acknowledged
      for (let step = 0; step < 100 && acknowledged === before; step++) await world.clock.pass(5)
      expect(acknowledged).toBeGreaterThan(before)
    }
    await work
    expect(Math.max(...tabs.map((tab) => tab.get(total)))).toBe(96)
    await world.clock.pass(1_000)
    const closing = world.close()
    await world.clock.pass(10_000)
    await closing
  })
}

test('[BR11] a tab that is slow to read gets its share among fast ones that never stop', async () => {
  const world = await createWorld(4)
  const base = memoryStorage()
  const { storage, begin } = slowed(base, world.clock, 20)
  const slow = await world.open({ storage })
  const fast = await Promise.all([1, 2, 3].map(() => world.open({ storage: base })))
  begin()
  const counts = [0, 0, 0, 0]
  let isOver = false
  const work = Promise.all(
    [slow, ...fast].map(async (tab, i) => {
      while (!isOver) {
        await tab.transactAsync((tx) => tx.update(total, (n) => n + 1), browser)
        counts[i]! += 1
        // One of the fast ones is done each millisecond.
        await new Promise<void>((resolve) => world.clock.setTimer(3, resolve))
      }
    }),
  )
  for (let i = 0; i < 300; i++) await world.clock.pass(10)
  isOver = true
  await world.clock.pass(2_000)
  await work
  expect(counts[0]).toBeGreaterThan(20)
  for (const count of counts.slice(1)) expect(count).toBeGreaterThan(20)
  expect(fast[0]!.get(total)).toBe(counts.reduce((sum, n) => sum + n, 0))
  const closing = world.close()
  await world.clock.pass(10_000)
  await closing
})
