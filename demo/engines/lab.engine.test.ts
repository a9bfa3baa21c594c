import { expect, onTestFinished, test } from 'vitest'
import type { LabOptions } from '../e2e/lab/main.ts'
import { socketOf } from '../e2e/support/wire.ts'
import { stage } from './stage.ts'
import { type Engine, type Tab, until } from './engine.ts'
import { asked, openOnDisk } from './open.ts'

const here = stage()

let spaces = 0
const newSpace = (): LabOptions => ({ space: `engines${spaces++}`, relay: socketOf(here.relay.url) })

/** Opens a tab with an open store. */
async function openStore(options: LabOptions, engine: Pick<Engine, 'openTab'> = here.engine): Promise<Tab> {
  const tab = await engine.openTab(here.labUrl)
  await tab.evaluate((it) => lab.open(it), options)
  return tab
}

async function openAgain(tab: Tab, options: LabOptions): Promise<void> {
  await tab.goto(here.labUrl)
  await tab.evaluate((it) => lab.open(it), options)
}

const writesOf = (tab: Tab): Promise<number> => tab.evaluate(() => lab.store.get(lab.writes))
const untilWrites = (tab: Tab, count: number): Promise<void> =>
  until(tab, (it) => lab.store.get(lab.writes) === it, count)

test('[ST37] what was said to be durable is there after a reload, and nothing else that is no whole commit', async () => {
  // Nobody but this browser has it.
  const { space } = newSpace()
  const tab = await openStore({ space })
  let total = 0
  for (let round = 0; round < 4; round++) {
    const promised = await tab.evaluate(async (it) => {
      for (let i = 0; i < 9; i++) {
        await lab.store
          .transact((tx) => {
            tx.create(lab.cards.at(`round${it}-${i}`), { title: 'x' })
            tx.add(lab.writes, 1)
          })
          .durable()
      }
      // One more that is on its way when the page is left.
      lab.store.transact((tx) => {
        tx.create(lab.cards.at(`round${it}-last`), { title: 'x' })
        tx.add(lab.writes, 1)
      })
      return lab.store.get(lab.writes) - 1
    }, round)
    await openAgain(tab, { space })
    const { ids, writes } = await tab.evaluate(() => ({
      ids: lab.store.get(lab.cards),
      writes: lab.store.get(lab.writes),
    }))
    expect(writes).toBe(ids.length)
    expect(writes).toBeGreaterThanOrEqual(promised)
    expect(writes).toBeLessThanOrEqual(promised + 1)
    total = writes
  }
  expect(total).toBeGreaterThanOrEqual(36)
  await tab.close()
})

test('[ST37] what was said to be durable is there when the browser was killed', async () => {
  const engine = await openOnDisk(asked)
  onTestFinished(() => engine.close())
  const { space } = newSpace()
  const tab = await openStore({ space }, engine)
  await tab.evaluate(async () => {
    for (let i = 0; i < 10; i++) await lab.store.transact((tx) => tx.add(lab.writes, 1)).durable()
  })
  await engine.restart()
  expect(await writesOf(await openStore({ space }, engine))).toBe(10)
})

test('[ST15] [ST16] two tabs see each other’s commits once and in order, and both reach the relay', async () => {
  const options = newSpace()
  const [first, second] = [await openStore(options), await openStore(options)]
  for (const tab of [first, second]) {
    await tab.evaluate(() => {
      const steps: (readonly [number, number])[] = []
      Object.assign(window, { steps })
      lab.store.changes(lab.writes, ({ before, now }) => steps.push([before.get(lab.writes), now.get(lab.writes)]))
    })
  }
  const write = (tab: Tab): Promise<void> =>
    tab.evaluate(async () => {
      for (let i = 0; i < 20; i++) await lab.store.transact((tx) => tx.add(lab.writes, 1)).durable()
    })
  await Promise.all([write(first), write(second)])
  for (const tab of [first, second]) {
    await untilWrites(tab, 40)
    const steps = await tab.evaluate(() => (window as unknown as { steps: (readonly [number, number])[] }).steps)
    expect(steps.map(([from]) => from)).toEqual([0, ...steps.map(([, to]) => to).slice(0, -1)])
    expect(steps.at(-1)).toEqual([expect.anything(), 40])
  }
  await Promise.all([first, second].map((tab) => tab.evaluate(() => lab.store.synced())))
  expect(await first.evaluate(() => lab.store.snapshot.basis.relaySeq)).toBe(40)
  // One ends, and the other goes on with the link, whichever had it.
  await first.close()
  await second.evaluate(() => lab.store.transact((tx) => tx.add(lab.writes, 1)).synced())
  await second.close()
})

test('[ID16] tabs that decide together about browser refs lose no step', async () => {
  const { space } = newSpace()
  const [first, second] = [await openStore({ space }), await openStore({ space })]
  const count = (tab: Tab): Promise<unknown> =>
    tab.evaluate(() => lab.deciding.count(lab.store, { steps: 30, workers: 3, way: 'update' }))
  await Promise.all([count(first), count(second)])
  for (const tab of [first, second]) {
    await until(tab, (it) => lab.store.get(lab.deciding.total) >= it, 60)
    expect(await tab.evaluate(() => lab.store.get(lab.deciding.total))).toBe(60)
  }
  await Promise.all([first.close(), second.close()])
})

test('[SS1] a disk without room is told, work goes on through the relay, and all is stored when there is room', async () => {
  const options = newSpace()
  const tab = await openStore(options)
  const full = await tab.evaluate(async () => {
    const { add } = IDBObjectStore.prototype
    Object.assign(window, { add })
    IDBObjectStore.prototype.add = () => {
      throw new DOMException('There is no room.', 'QuotaExceededError')
    }
    const error = await lab.store
      .transact((tx) => tx.add(lab.writes, 1))
      .durable()
      .then(
        () => 'none',
        (reason: { code?: string }) => reason.code,
      )
    await lab.store.transact((tx) => tx.add(lab.writes, 1)).synced()
    return { error, storage: lab.store.status.storage }
  })
  expect(full).toEqual({ error: 'storage-full', storage: 'quota' })
  await tab.evaluate(() => {
    IDBObjectStore.prototype.add = (window as unknown as { add: typeof IDBObjectStore.prototype.add }).add
    return lab.until(() => lab.store.status.storage === 'ok' && lab.store.status.unsaved === 0)
  })
  await openAgain(tab, { space: options.space })
  expect(await writesOf(tab)).toBe(2)
  await tab.close()
})

test('[SS1] [ID7] a newer version of the app is told to the old one, which goes on through the relay', async () => {
  const options = newSpace()
  const tab = await openStore(options)
  await tab.evaluate((space) => {
    const request = indexedDB.open(`syncline:lab-${space}`, 99)
    return new Promise<void>((resolve) => {
      request.onsuccess = () => {
        request.result.close()
        resolve()
      }
    })
  }, options.space)
  const told = await tab.evaluate(async () => {
    await lab.until(() => lab.store.status.storage !== 'ok')
    await lab.store.transact((tx) => tx.add(lab.writes, 1)).synced()
    const { storage, storageError } = lab.store.status
    return { storage, code: storageError?.code }
  })
  expect(told).toEqual({ storage: 'memory-only', code: 'storage-newer' })
  // Also whoever comes later, with the old code.
  await openAgain(tab, options)
  await untilWrites(tab, 1)
  expect(await tab.evaluate(() => lab.store.status.storageError?.code)).toBe('storage-newer')
  await tab.close()
})

test('[SS1] [ID20] a database that was cleared is told from a first visit, and the relay brings back what it has', async () => {
  const options = newSpace()
  const tab = await openStore(options)
  expect(await tab.evaluate(() => lab.store.status.storage)).toBe('ok')
  await tab.evaluate(async () => lab.store.transact((tx) => tx.add(lab.writes, 1)).synced())
  await tab.goto(here.labUrl)
  await tab.evaluate((space) => {
    const request = indexedDB.deleteDatabase(`syncline:lab-${space}`)
    return new Promise<void>((resolve, reject) => {
      request.onsuccess = () => resolve()
      request.onerror = () => reject(request.error!)
    })
  }, options.space)
  await tab.evaluate((it) => lab.open(it), options)
  expect(await tab.evaluate(() => lab.store.status.storage)).toBe('evicted')
  await untilWrites(tab, 1)
  await tab.close()
})

test('[SS1] [ID11] where there is no IndexedDB a page works in memory, and says so', async () => {
  const options = newSpace()
  const tab = await here.engine.openTab(here.labUrl)
  const told = await tab.evaluate(async (it) => {
    Object.defineProperty(window, 'indexedDB', { value: undefined, configurable: true })
    await lab.open(it)
    await lab.store.transact((tx) => tx.add(lab.writes, 1)).synced()
    return lab.store.status.storage
  }, options)
  expect(told).toBe('memory-only')
  await openAgain(tab, options)
  await untilWrites(tab, 1)
  expect(await tab.evaluate(() => lab.store.status.storage)).toBe('ok')
  await tab.close()
})

test('the answer to the wish for persistence is one of the three', async () => {
  const tab = await here.engine.openTab(here.labUrl)
  // Firefox asks the person, and nobody is there to answer: what counts there is that it may be asked.
  const answer = await tab.evaluate(() =>
    Promise.race([
      lab.requestPersistence(),
      new Promise<string>((resolve) => setTimeout(() => resolve('asking'), 1000)),
    ]),
  )
  expect(here.engine.name === 'firefox' ? ['asking', 'granted', 'denied'] : ['granted', 'denied', 'unknown']).toContain(
    answer,
  )
  await tab.close()
})
