import { counter } from '@syncline/merge'
import { openStore, type Log, type StoreError } from '@syncline/store'
import { cdp, server } from 'vitest/browser'
import { expect, onTestFinished, test, vi } from 'vitest'
import { connect } from '../src/connection.ts'
import { FORMAT_VERSION } from '../src/format.ts'
import { databasesHere } from '../src/reaching.ts'
import { deleteDatabase, indexedDb } from '../src/index.ts'
import { surroundingsHere, type Surroundings } from '../src/surroundings.ts'
import { relayHere } from './fixtures/work.ts'
import { atOnce, freshName, patient } from './names.ts'
import { observeTransactions } from './observed.ts'

/** The DevTools protocol (https://chromedevtools.github.io/devtools-protocol/). */
interface Devtools {
  send(method: string, parameters: object): Promise<unknown>
}

async function openLog(name: string): Promise<{ readonly log: Log; readonly losses: Error[] }> {
  const log = await indexedDb(name).openLog('space')
  const losses: Error[] = []
  log.onLost((error) => losses.push(error))
  onTestFinished(async () => {
    await log.close()
    await deleteDatabase(name)
  })
  return { log, losses }
}

async function bytesOf(log: Log): Promise<number[]> {
  const bytes: number[] = []
  await log.read(0, (entry) => bytes.push(...entry))
  return bytes
}

/** Opens a database as code does that listens to nobody. */
function openDeaf(name: string): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(`syncline:${name}`)
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error!)
  })
}

test('[ID7] when newer code upgrades, the log lets go, says so, and refuses from then on', async () => {
  const name = freshName()
  const { log, losses } = await openLog(name)
  await log.append(Uint8Array.of(1))
  const last = log.append(Uint8Array.of(2))
  const newer = connect(name, undefined, FORMAT_VERSION + 1)
  await newer.ready()
  await last
  await expect.poll(() => losses.length, patient).toBe(1)
  expect(losses[0]).toMatchObject({ code: 'storage-newer', message: expect.stringContaining('newer version') })
  await expect(log.append(Uint8Array.of(3))).rejects.toBe(losses[0])
  await expect(log.read(0, () => undefined)).rejects.toBe(losses[0])
  await expect(log.takeFence()).rejects.toBe(losses[0])
  newer.close()

  await expect(indexedDb(name).openLog('space')).rejects.toMatchObject({ code: 'storage-newer' })
})

test('[ID7] who listens after the loss is told too', async () => {
  const name = freshName()
  const { log, losses } = await openLog(name)
  await deleteDatabase(name)
  await expect.poll(() => losses.length, patient).toBe(1)
  const late: Error[] = []
  const unheard: Error[] = []
  log.onLost((error) => late.push(error))
  log.onLost((error) => unheard.push(error))()
  await expect.poll(() => late, patient).toEqual(losses)
  expect(unheard).toEqual([])
})

test('[ID8] deleting takes the data from everybody; what is opened next is empty', async () => {
  const name = freshName()
  const { log, losses } = await openLog(name)
  const storage = indexedDb(name)
  const other = await storage.openLog('other')
  await log.append(Uint8Array.of(1))
  await deleteDatabase(name)
  await expect.poll(() => losses.length, patient).toBe(1)
  expect(losses[0]).toMatchObject({ code: 'storage-evicted', message: expect.stringContaining('deleted') })
  await expect(log.append(Uint8Array.of(2))).rejects.toBe(losses[0])
  await expect(other.append(Uint8Array.of(2))).rejects.toMatchObject({ code: 'storage-evicted' })

  const again = await storage.openLog('space')
  expect(await bytesOf(again)).toEqual([])
  await again.append(Uint8Array.of(3))
  await other.close()
  expect(await bytesOf(again)).toEqual([3])
  await again.close()
  await deleteDatabase(name)
  await deleteDatabase(name)
})

test('[ID8] appends that are under way when the database is deleted are told one way or the other', async () => {
  const name = freshName()
  const { log } = await openLog(name)
  const appends = Array.from({ length: 50 }, (_, i) => log.append(Uint8Array.of(i)))
  const deleted = deleteDatabase(name)
  const outcomes = await Promise.allSettled([...appends, deleted])
  expect(outcomes.length).toBe(51)
  const refusals = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []))
  for (const refusal of refusals) expect(refusal).toMatchObject({ code: 'storage-evicted' })
  await expect(log.append(Uint8Array.of(1))).rejects.toMatchObject({ code: 'storage-evicted' })
})

for (const [how, code] of [
  ['deleted', 'storage-evicted'],
  ['newer', 'storage-newer'],
] as const) {
  test(`[ID7] [ID8] transactions on browser refs end when the database is ${how}, whatever they were doing`, async () => {
    const votes = counter('votes', { arbiter: 'browser' })
    const refusals = new Set<string>()
    for (let round = 0; round < 12; round++) {
      const name = freshName()
      const store = await openStore({ space: 'board', storage: indexedDb(name) })
      const works: Promise<void>[] = []
      let isOver = false
      const fire = (): void => {
        if (isOver) return
        works.push(
          store
            .transactAsync((tx) => tx.add(votes, 1), { arbiter: 'browser' })
            .then(
              () => undefined,
              (error: StoreError) => void refusals.add(error.code),
            ),
        )
        setTimeout(fire)
      }
      fire()
      await new Promise((resolve) => setTimeout(resolve, round))
      if (how === 'deleted') await deleteDatabase(name)
      else {
        const newer = connect(name, undefined, FORMAT_VERSION + 1)
        await newer.ready()
        newer.close()
      }
      isOver = true
      await Promise.all(works)
      await store.close()
      await deleteDatabase(name)
    }
    expect([...refusals]).toEqual([code])
  })
}

for (const [how, code] of [
  ['deleted', 'storage-evicted'],
  ['newer', 'storage-newer'],
] as const) {
  test(`[ID7] [ID8] [RE15] transactions on relay refs end when the database is ${how}, whatever they were doing`, async () => {
    const seats = counter('seats', { arbiter: 'relay' })
    const refusals = new Set<string>()
    const relay = relayHere()
    for (let round = 0; round < 8; round++) {
      const name = freshName()
      const store = await openStore({
        space: `board ${round}`,
        storage: indexedDb(name),
        transport: relay.wire(),
        // Who takes the link in that moment reports that the log cannot be read.
        onError: () => undefined,
      })
      await store.synced()
      const works: Promise<unknown>[] = []
      let isOver = false
      const fire = (): void => {
        if (isOver) return
        works.push(
          store
            .transactAsync((tx) => tx.commute(seats, { add: 1 }), { arbiter: 'relay' })
            .catch((error: StoreError) => refusals.add(error.code)),
        )
        setTimeout(fire)
      }
      fire()
      await new Promise((resolve) => setTimeout(resolve, round))
      if (how === 'deleted') await deleteDatabase(name)
      else {
        const newer = connect(name, undefined, FORMAT_VERSION + 1)
        await newer.ready()
        newer.close()
      }
      isOver = true
      await Promise.all(works)
      await store.close()
      await deleteDatabase(name)
    }
    await relay.close()
    expect([...refusals]).toEqual([code])
  })
}

test('[ID9] a tab that does not let go blocks an upgrade and a deletion, which say so instead of hanging', async () => {
  const [upgraded, deleted] = [freshName(), freshName()]
  for (const name of [upgraded, deleted]) {
    const log = await indexedDb(name).openLog('space')
    await log.close()
  }
  const deaf = await Promise.all([openDeaf(upgraded), openDeaf(deleted)])
  const newer = connect(upgraded, undefined, FORMAT_VERSION + 1)
  const [opening, deleting] = await Promise.allSettled([newer.ready(), deleteDatabase(deleted)])
  expect(opening).toMatchObject({ reason: { code: 'storage-blocked', message: expect.stringContaining('other tabs') } })
  expect(deleting).toMatchObject({
    reason: { code: 'storage-blocked', message: expect.stringContaining('other tabs') },
  })

  for (const database of deaf) database.close()
  await newer.ready()
  newer.close()
  await deleteDatabase(upgraded)
  await deleteDatabase(deleted)
})

test('[ID9] whoever opens behind a deletion that does not get on is told so, though the browser says nothing', async () => {
  const name = freshName()
  const log = await indexedDb(name).openLog('space')
  await log.close()
  const deaf = await openDeaf(name)
  const deleting = deleteDatabase(name)
  // All is waited for a hundredth as long.
  const hurried: Surroundings = { ...surroundingsHere, setTimer: (ms, run) => surroundingsHere.setTimer(ms / 100, run) }
  const behind = connect(name, hurried)
  await expect(behind.ready()).rejects.toMatchObject({ code: 'storage-blocked' })
  deaf.close()
  await deleting.catch(() => undefined)
  await behind.ready()
  behind.close()
  await deleteDatabase(name)
})

test('[ID10] a connection that the browser dropped is made anew, and appends keep their order', async () => {
  const name = freshName()
  const { log, losses } = await openLog(name)
  await log.append(Uint8Array.of(0))
  const { transaction } = IDBDatabase.prototype
  const dead = new WeakSet<IDBDatabase>()
  let refused = 0
  let isFirst = true
  const spy = vi.spyOn(IDBDatabase.prototype, 'transaction').mockImplementation(function (this: IDBDatabase, ...args) {
    if (isFirst) dead.add(this)
    isFirst = false
    if (!dead.has(this)) return transaction.apply(this, args)
    refused++
    throw new DOMException('The database connection is closing.', 'InvalidStateError')
  })
  onTestFinished(() => spy.mockRestore())
  await Promise.all([1, 2, 3, 4, 5].map((byte) => log.append(Uint8Array.of(byte))))
  expect(refused).toBeGreaterThan(0)
  expect(await bytesOf(log)).toEqual([0, 1, 2, 3, 4, 5])
  expect(losses).toEqual([])
})

test('[ID10] what is under way when the browser drops the connection is told as lost, though the browser says nothing of it', async () => {
  const name = freshName()
  const { log, losses } = await openLog(name)
  await log.append(Uint8Array.of(1))
  const begun = observeTransactions()
  const { commit } = IDBTransaction.prototype
  // As Chromium does, which tells the transactions that were told to commit of nothing.
  IDBTransaction.prototype.commit = function (this: IDBTransaction) {
    this.oncomplete = this.onabort = this.onerror = null
    commit.call(this)
  }
  const appending = log.append(Uint8Array.of(2))
  await expect.poll(() => begun.length, patient).toBe(1)
  IDBTransaction.prototype.commit = commit
  begun[0]!.database.close()
  begun[0]!.database.dispatchEvent(new Event('close'))
  await expect(appending).rejects.toMatchObject({ code: 'storage-lost' })
  await log.append(Uint8Array.of(3))
  // It may be there all the same.
  expect(await bytesOf(log)).toEqual([1, 2, 3])
  expect(losses).toEqual([])
})

test('[ID10] while it cannot be made anew operations fail, and then go on', async () => {
  const name = freshName()
  const { log, losses } = await openLog(name)
  await log.append(Uint8Array.of(1))
  const begun = observeTransactions()
  await log.append(Uint8Array.of(2))
  const { open } = IDBFactory.prototype
  let attempts = 0
  IDBFactory.prototype.open = () => {
    attempts++
    throw new DOMException('Internal error opening backing store for indexedDB.open.', 'UnknownError')
  }
  onTestFinished(() => {
    IDBFactory.prototype.open = open
  })
  // The browser closes a connection by itself with this event.
  begun[0]!.database.close()
  begun[0]!.database.dispatchEvent(new Event('close'))
  await expect(log.append(Uint8Array.of(3))).rejects.toMatchObject({
    code: 'storage-lost',
    message: expect.stringContaining('backing store'),
  })
  await expect(bytesOf(log)).rejects.toMatchObject({ code: 'storage-lost' })
  expect(attempts).toBeGreaterThan(1)
  IDBFactory.prototype.open = open
  await log.append(Uint8Array.of(4))
  expect(await bytesOf(log)).toEqual([1, 2, 4])
  expect(losses).toEqual([])
})

test('[ID10] a database that was cleared meanwhile is lost, and nothing is written into the new one', async ({
  skip,
}) => {
  skip(server.browser !== 'chromium', 'only the DevTools protocol can clear what a page has open')
  const name = freshName()
  const { log, losses } = await openLog(name)
  await log.append(Uint8Array.of(1))
  await (cdp() as unknown as Devtools).send('Storage.clearDataForOrigin', {
    origin: location.origin,
    storageTypes: 'indexeddb',
  })
  await expect.poll(() => losses.length, patient).toBe(1)
  expect(losses[0]).toMatchObject({ code: 'storage-evicted', message: expect.stringContaining('cleared') })
  await expect(log.append(Uint8Array.of(2))).rejects.toBe(losses[0])
  const next = await openLog(name)
  expect(await bytesOf(next.log)).toEqual([])
})

test('[ID11] where nothing can be stored, opening says so', async () => {
  vi.stubGlobal('indexedDB', undefined)
  onTestFinished(() => {
    vi.unstubAllGlobals()
  })
  await expect(indexedDb('nowhere').openLog('space')).rejects.toMatchObject({
    code: 'storage-failed',
    message: expect.stringContaining('no IndexedDB'),
  })
  await expect(deleteDatabase('nowhere')).rejects.toMatchObject({ code: 'storage-failed' })
  vi.stubGlobal('indexedDB', {
    open() {
      throw new DOMException('denied', 'SecurityError')
    },
  })
  const storage = indexedDb('forbidden')
  await expect(storage.openLog('space')).rejects.toMatchObject({
    code: 'storage-failed',
    message: expect.stringContaining('forbids'),
  })
  vi.unstubAllGlobals()
  const name = freshName()
  const { log } = await openLog(name)
  expect(await bytesOf(log)).toEqual([])
})

/** A storage of which opening fails so often, and how often and after how long it was tried; a wait is over at once. */
function failing(name: string, times: number, reason: string) {
  const waits: number[] = []
  let tries = 0
  const storage = indexedDb(name, {
    ...surroundingsHere,
    databases: {
      ...databasesHere,
      open: (...args) =>
        ++tries > times ? databasesHere.open(...args) : Promise.reject(new DOMException('Cannot.', reason)),
    },
    setTimer: (delayMs, fn) =>
      atOnce(delayMs, () => {
        waits.push(delayMs)
        fn()
      }),
  })
  return { storage, waits, tries: () => tries }
}

test.each(['UnknownError', 'AbortError'])(
  '[ID24] what the browser fails to open once (%s) is there when it is tried again',
  async (reason) => {
    const name = freshName()
    const { log: before } = await openLog(name)
    await before.append(Uint8Array.of(1))
    const { storage, waits, tries } = failing(name, 2, reason)
    const log = await storage.openLog('space')
    expect(await bytesOf(log)).toEqual([1])
    expect(tries()).toBe(3)
    expect(waits).toEqual([50, 450])
    await log.close()
  },
)

test('[ID24] what fails again and again is told after three tries, and what is forbidden at once', async () => {
  const broken = failing(freshName(), Infinity, 'UnknownError')
  await expect(broken.storage.openLog('space')).rejects.toMatchObject({ code: 'storage-failed' })
  expect(broken.tries()).toBe(3)
  const forbidden = failing(freshName(), Infinity, 'SecurityError')
  await expect(forbidden.storage.openLog('space')).rejects.toMatchObject({ code: 'storage-failed' })
  expect(forbidden.tries()).toBe(1)
  expect(forbidden.waits).toEqual([])
})
