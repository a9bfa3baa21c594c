import { counter, lww } from '@syncline/merge'
import type { Tx } from '@syncline/stm'
import { expect, test } from 'vitest'
import { everything, memoryStorage, openStore, type Log, type Storage } from '../src/index.ts'
import { growing } from './growing.ts'
import { createWorld, passing, settle } from './world.ts'

const browser = { arbiter: 'browser' } as const
const total = lww('total', 0, browser)
const votes = counter('votes', browser)
const name = lww('name', '', browser)
const title = lww('title', '')

/** A storage whose logs are watched, and can be made to behave otherwise. */
function watched(base: Storage, change: (log: Log) => Partial<Log>): Storage {
  return {
    ...base,
    async openLog(space) {
      const log = await base.openLog(space)
      return { ...log, ...change(log) }
    },
  }
}

/** A storage whose log takes nothing while it is told to hold it. */
function holding(base: Storage): { readonly storage: Storage; hold(): void; letGo(): void } {
  let isHeld = false
  const held: (() => void)[] = []
  return {
    storage: watched(base, (log) => ({
      async append(entry, options) {
        if (isHeld) await new Promise<void>((go) => held.push(go))
        return log.append(entry, options)
      },
    })),
    hold() {
      isHeld = true
    },
    letGo() {
      isHeld = false
      for (const go of held.splice(0)) go()
    },
  }
}

test('[BR1] ten workers in each of four tabs count together and lose nothing', async () => {
  const world = await createWorld(1)
  const storage = memoryStorage()
  const tabs = await Promise.all(Array.from({ length: 4 }, () => world.open({ storage })))
  const work = tabs.flatMap((tab) =>
    Array.from({ length: 10 }, async () => {
      for (let i = 0; i < 25; i++) await tab.transactAsync((tx) => tx.update(total, (n) => n + 1), browser)
    }),
  )
  await passing(world, Promise.all(work))
  expect(tabs.map((tab) => tab.get(total))).toEqual([1000, 1000, 1000, 1000])
  await world.close()
  const again = await openStore({ space: 'board', storage })
  expect(again.get(total)).toBe(1000)
  await again.close()
})

test('[BR3] what waits in one tab goes to the log as one entry, each on what those before it write', async () => {
  let appends = 0
  const storage = watched(memoryStorage(), (log) => ({
    append(entry, options) {
      appends += 1
      return log.append(entry, options)
    },
  }))
  const store = await openStore({ space: 'board', storage })
  const seen: number[] = []
  store.changes(everything, ({ now }) => seen.push(now.get(total)))
  const receipts = await Promise.all(
    Array.from({ length: 100 }, () =>
      store.transactAsync((tx) => {
        tx.update(total, (n) => n + 1)
        return tx.get(total)
      }, browser),
    ),
  )
  expect(appends).toBe(1)
  expect(receipts.map(({ value }) => value)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1))
  expect(seen).toEqual(receipts.map(({ value }) => value))
  await store.close()
})

test('[BR4] only a body that depends on what another tab has moved runs again', async () => {
  const storage = memoryStorage()
  const slow = holding(storage)
  const one = await openStore({ space: 'board', storage: slow.storage })
  const two = await openStore({ space: 'board', storage })
  slow.hold()
  const runs = { free: 0, bound: 0 }
  const free = one.transactAsync((tx) => {
    runs.free += 1
    tx.set(name, 'one')
  }, browser)
  const bound = one.transactAsync((tx) => {
    runs.bound += 1
    tx.update(total, (n) => n + 1)
  }, browser)
  await settle()
  await two.transactAsync((tx) => tx.set(total, 41), browser)
  slow.letGo()
  await Promise.all([free, bound])
  expect(runs).toEqual({ free: 1, bound: 2 })
  await settle()
  expect([two.get(name), two.get(total)]).toEqual(['one', 42])
  await one.close()
  await two.close()
})

test('[BR1] a transaction sees what was acknowledged to another tab before it began, whatever the news do', async () => {
  const { channels: _, ...silent } = memoryStorage()
  const one = await openStore({ space: 'board', storage: silent })
  const two = await openStore({ space: 'board', storage: silent })
  await one.transactAsync((tx) => tx.set(total, 7), browser)
  expect(two.get(total)).toBe(0)
  expect((await two.transactAsync((tx) => tx.get(total), browser)).value).toBe(7)
  await one.close()
  await two.close()
})

test('[BR6] a Change of browser refs only is durable and synced at once, and not pending', async () => {
  const store = await openStore({ space: 'board', storage: memoryStorage() })
  const receipt = await store.transactAsync((tx) => tx.add(votes, 2), browser)
  expect(receipt.change?.ops).toMatchObject([{ address: 'votes', arbiter: 'browser' }])
  await receipt.durable()
  await receipt.synced()
  expect(store.status).toMatchObject({ pending: 0, unsaved: 0, saved: 'device' })
  const nothing = await store.transactAsync((tx) => tx.add(votes, 0), browser)
  expect(nothing.change).toBeUndefined()
  await store.close()
})

test('[AT1] with an arbiter that has nothing to decide about, the receipt is that of any other commit', async () => {
  const memo = lww('memo', '')
  const store = await openStore({ space: 'board', storage: memoryStorage() })
  const { value, change, durable, synced } = await store.transactAsync((tx) => {
    tx.set(memo, 'here')
    return 'done'
  }, browser)
  expect([value, change?.ops[0]?.arbiter, store.status.pending]).toEqual(['done', 'local', 1])
  await durable()
  const [outcome] = await Promise.all([synced().catch((error: unknown) => error), store.close()])
  expect(outcome).toMatchObject({ code: 'closed' })
})

test('[BR8] transact refuses browser refs, and a browser transaction refuses live documents', async () => {
  const { ref } = growing()
  const store = await openStore({ space: 'board', storage: memoryStorage() })
  // @ts-expect-error -- the type says so too
  expect(() => store.transact((tx) => tx.set(total, 1))).toThrow(expect.objectContaining({ code: 'wrong-arbiter' }))
  await expect(
    // @ts-expect-error -- without an arbiter it is a local transaction
    store.transactAsync((tx) => tx.set(total, 1)),
  ).rejects.toMatchObject({ code: 'wrong-arbiter' })
  const mixed = store.transactAsync((tx) => {
    tx.set(total, 1)
    tx.insert(ref, 0, 'words')
  }, browser)
  await expect(mixed).rejects.toMatchObject({ code: 'invalid-write' })
  expect([store.get(total), store.get(ref), store.status.pending]).toEqual([0, '', 0])
  await store.close()
})

test('[BR9] without storage a tab is alone and commits in memory', async () => {
  const store = await openStore({ space: 'board' })
  const receipt = await store.transactAsync((tx) => tx.add(votes, 1), browser)
  expect([store.get(votes), store.status.storage]).toEqual([1, 'memory-only'])
  await expect(receipt.durable()).rejects.toMatchObject({ code: 'storage-failed' })
  await store.close()
})

test('[BR7] a Change of browser refs and others is durable as a whole, and pending for the rest of it', async () => {
  const storage = memoryStorage()
  const store = await openStore({ space: 'board', storage })
  store.transact((tx) => tx.set(title, 'before'))
  await store.transactAsync((tx) => {
    tx.set(title, `${tx.get(title)}, after`)
    tx.set(name, 'mine')
  }, browser)
  store.transact((tx) => tx.set(title, `${tx.get(title)}, last`))
  expect(store.status.pending).toBe(3)
  await store.close()
  const again = await openStore({ space: 'board', storage })
  expect([again.get(title), again.get(name), again.status.pending]).toEqual(['before, after, last', 'mine', 3])
  await again.close()
})

for (const isolation of ['serializable', 'snapshot'] as const) {
  test(`[BR3] what was run on an entry that the log did not take is run again, whatever is checked (${isolation})`, async () => {
    const storage = memoryStorage()
    const slow = holding(storage)
    const one = await openStore({ space: 'board', storage: slow.storage })
    const two = await openStore({ space: 'board', storage })
    const [signal, word, seen] = [lww('signal', 0, browser), lww('word', '', browser), lww('seen', '', browser)]
    slow.hold()
    const first = one.transactAsync((tx) => {
      tx.set(signal, 1)
      tx.set(word, tx.get(total) === 0 ? 'early' : 'late')
    }, browser)
    // It depends on the signal alone, which reads the same in both worlds.
    const second = one.transactAsync(
      (tx) => {
        tx.ensure(signal)
        tx.set(seen, `${tx.get(signal)} ${tx.peek(word)}`)
      },
      { ...browser, isolation },
    )
    await settle()
    await two.transactAsync((tx) => tx.set(total, 1), browser)
    slow.letGo()
    await Promise.all([first, second])
    expect([one.get(word), one.get(seen)]).toEqual(['late', '1 late'])
    await one.close()
    await two.close()
  })
}

test('[BR3] what a body throws on an entry that the log did not take is nothing', async () => {
  const storage = memoryStorage()
  const slow = holding(storage)
  const one = await openStore({ space: 'board', storage: slow.storage })
  const two = await openStore({ space: 'board', storage })
  slow.hold()
  const taken = one.transactAsync((tx) => {
    if (tx.get(total) === 0) tx.set(name, 'taken')
  }, browser)
  const wish = one.transactAsync((tx) => {
    if (tx.get(name) !== '') throw new Error('no seat left')
    tx.set(name, 'mine')
  }, browser)
  await settle()
  await two.transactAsync((tx) => tx.set(total, 1), browser)
  slow.letGo()
  await Promise.all([taken, wish])
  expect(one.get(name)).toBe('mine')
  const again = one.transactAsync((tx) => {
    if (tx.get(name) !== '') throw new Error('no seat left')
  }, browser)
  await expect(again).rejects.toThrow('no seat left')
  await one.close()
  await two.close()
})

test('[AT10] write skew between tabs is reported too', async () => {
  const world = await createWorld(8)
  const storage = memoryStorage()
  const errors: unknown[] = []
  const onError = (error: unknown): void => void errors.push(error)
  const options = { storage, development: true, onError }
  const tabs = [await world.open(options), await world.open(options)]
  const [x, y] = [lww('x', 1, browser), lww('y', 1, browser)]
  const doctor = (mine: typeof x, isCareful: boolean) => async (tx: Tx<'local' | 'browser'>) => {
    const sum = tx.get(x) + tx.get(y)
    if (isCareful) for (const ref of [x, y]) tx.ensure(ref)
    await Promise.resolve()
    if (sum > 1) tx.set(mine, 0)
  }
  const snapshot = { ...browser, isolation: 'snapshot' } as const
  await passing(world, Promise.all([x, y].map((mine, i) => tabs[i]!.transactAsync(doctor(mine, false), snapshot))))
  await passing(
    world,
    tabs[0]!.transactAsync(() => undefined, browser),
  )
  expect([tabs[0]!.get(x), tabs[0]!.get(y)]).toEqual([0, 0])
  expect(errors).toEqual([expect.objectContaining({ code: 'write-skew' })])
  for (const ref of [x, y])
    await passing(
      world,
      tabs[0]!.transactAsync((tx) => tx.set(ref, 1), browser),
    )
  await passing(
    world,
    tabs[1]!.transactAsync(() => undefined, browser),
  )
  await passing(world, Promise.all([x, y].map((mine, i) => tabs[i]!.transactAsync(doctor(mine, true), snapshot))))
  await passing(
    world,
    tabs[0]!.transactAsync(() => undefined, browser),
  )
  expect(tabs[0]!.get(x) + tabs[0]!.get(y)).toBe(1)
  expect(errors).toHaveLength(1)
  await world.close()
})
