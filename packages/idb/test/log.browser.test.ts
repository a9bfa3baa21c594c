import type { Log, ReadRange } from '@syncline/store'
import fc from 'fast-check'
import { server } from 'vitest/browser'
import { expect, onTestFinished, test, vi } from 'vitest'
import { databaseName } from '../src/format.ts'
import { deleteDatabase, indexedDb } from '../src/index.ts'
import { type Surroundings, surroundingsHere } from '../src/surroundings.ts'
import { type Model, step } from './model.ts'
import { freshName, patient } from './names.ts'
import { observeTransactions } from './observed.ts'
import { openTab } from './tab.ts'

interface Buckets {
  open(name: string, options: { readonly quota: number }): Promise<{ readonly indexedDB: IDBFactory }>
  delete(name: string): Promise<void>
}

async function entriesOf(log: Log): Promise<number[][]> {
  const entries: number[][] = []
  await log.read(0, (entry) => entries.push([...entry]))
  return entries
}

async function openLog(name = freshName()): Promise<Log> {
  const log = await indexedDb(name).openLog('space')
  onTestFinished(async () => {
    await log.close()
    await deleteDatabase(name)
  })
  return log
}

test('[ID2] an append is one transaction, committed in the task that began it, with the durability asked for', async () => {
  const log = await openLog()
  const fence = await log.takeFence()
  const begun = observeTransactions()
  const appended = log.append(Uint8Array.of(1))
  // Nothing that the caller does next comes before it.
  expect(begun).toHaveLength(1)
  await appended
  await log.append(Uint8Array.of(2), { durability: 'strict' })
  await log.append(Uint8Array.of(3), { fence, durability: 'strict' })
  await log.append(Uint8Array.of(4), { claim: 1 })
  await expect(log.append(Uint8Array.of(5), { claim: 1 })).rejects.toMatchObject({ code: 'claimed' })
  const isWhole = !surroundingsHere.commitsParts
  expect(begun.map(({ mode, durability, committedAtOnce }) => [mode, durability, committedAtOnce])).toEqual([
    ['readwrite', 'relaxed', true],
    ['readwrite', 'strict', true],
    ['readwrite', 'strict', isWhole],
    ['readwrite', 'relaxed', isWhole],
    ['readwrite', 'relaxed', isWhole],
  ])
})

test('[ID2] this browser commits what is left of a transaction of which a part has failed exactly where that is said of it', async () => {
  const name = freshName()
  await openLog(name)
  const database = await new Promise<IDBDatabase>((resolve) => {
    const request = indexedDB.open(databaseName(name))
    request.onsuccess = () => resolve(request.result)
  })
  onTestFinished(() => database.close())
  const transaction = database.transaction(['fences', 'meta'], 'readwrite')
  // There is one, so this fails.
  transaction.objectStore('meta').add('another', 'identity')
  transaction.objectStore('fences').add(true, ['space', 1])
  transaction.commit()
  const end = await new Promise((resolve) => {
    transaction.oncomplete = () => resolve('complete')
    transaction.onabort = () => resolve('abort')
  })
  expect(end).toBe(surroundingsHere.commitsParts ? 'complete' : 'abort')
})

test('[ID2] what was appended just before a page ended is stored, if the browser goes on with it', async ({ skip }) => {
  skip(server.browser === 'webkit', 'WebKit undoes what it has not stored yet when a page ends')
  const name = freshName()
  const log = await openLog(name)
  const rounds = 5
  for (let i = 0; i < rounds; i++) {
    const tab = await openTab()
    const theirs = await tab.indexedDb(name).openLog('space')
    void theirs.append(Uint8Array.of(i)).catch(() => undefined)
    // The end of the task, and no more.
    await Promise.resolve().then(() => undefined)
    tab.kill()
  }
  // It stands behind whatever of theirs is there.
  await log.append(Uint8Array.of(rounds))
  const there = (await entriesOf(log)).map(([byte]) => byte!)
  expect(there).toEqual(there.toSorted((a, b) => a - b))
  // A browser that is busy may be late for one. Without a commit of their own next to none would be there.
  expect(new Set(there).size).toBe(there.length)
  expect(there.length).toBeGreaterThan(1 + rounds / 2)
})

test('[ID3] an entry for which there is no room is refused as a whole; what fits goes on', async ({ skip }) => {
  skip(
    !('storageBuckets' in navigator),
    'only in a storage bucket a page can be given less room, and only Chromium has them',
  )
  // A bucket (https://wicg.github.io/storage-buckets/) is a real IndexedDB with a quota of its own.
  const buckets = (navigator as unknown as { storageBuckets: Buckets }).storageBuckets
  const bucketName = `b${crypto.randomUUID()}`
  const bucket = await buckets.open(bucketName, { quota: 2_000_000 })
  vi.stubGlobal('indexedDB', bucket.indexedDB)
  onTestFinished(async () => {
    vi.unstubAllGlobals()
    await buckets.delete(bucketName)
  })
  const log = await indexedDb(freshName()).openLog('space')
  await log.append(Uint8Array.of(1))
  const refused = log.append(new Uint8Array(8_000_000).fill(7))
  await expect(refused).rejects.toMatchObject({
    code: 'storage-full',
    message: expect.stringContaining('no more room'),
    cause: { name: 'QuotaExceededError' },
  })
  await log.append(Uint8Array.of(2))
  expect(await entriesOf(log)).toEqual([[1], [2]])
  await log.close()
})

test('[ID3] an entry that IndexedDB cannot take at all is refused, and nothing hangs', async () => {
  const log = await openLog()
  const { add } = IDBObjectStore.prototype
  IDBObjectStore.prototype.add = () => {
    throw new DOMException('too large', 'DataError')
  }
  const refused = log.append(Uint8Array.of(1))
  await expect(refused).rejects.toMatchObject({ code: 'storage-failed', cause: { name: 'DataError' } })
  IDBObjectStore.prototype.add = add
  await log.append(Uint8Array.of(2))
  expect(await entriesOf(log)).toEqual([[2]])
})

test('[ID4] when the fence changes hands while its holder writes, exactly what the holder was told is stored', async () => {
  const name = freshName()
  const log = await openLog(name)
  const tab = await openTab()
  const theirs = await tab.indexedDb(name).openLog('space')
  const rounds = 5
  let cutOff = 0
  for (let round = 0; round < rounds; round++) {
    const fence = await log.takeFence()
    const kept: number[][] = []
    const refusals: unknown[] = []
    const write = async (): Promise<void> => {
      for (let i = 0; i < 200; i++) {
        try {
          await log.append(Uint8Array.of(round, 0, i), { fence })
          kept.push([round, 0, i])
        } catch (error) {
          refusals.push(error)
        }
      }
    }
    const takeOver = async (): Promise<void> => {
      await expect.poll(() => kept.length, { ...patient, interval: 1 }).toBeGreaterThan(20)
      const newer = await theirs.takeFence()
      expect(newer).toBeGreaterThan(fence)
      for (let i = 0; i < 200; i++) await theirs.append(Uint8Array.of(round, 1, i), { fence: newer })
    }
    await Promise.all([write(), takeOver()])
    cutOff += refusals.length
    expect(refusals.length + kept.length).toBe(200)
    for (const refusal of refusals) expect(refusal).toMatchObject({ code: 'fenced' })
    const won = Array.from({ length: 200 }, (_, i) => [round, 1, i])
    expect((await entriesOf(log)).filter((entry) => entry[0] === round)).toEqual([...kept, ...won])
  }
  expect(cutOff).toBeGreaterThan(rounds)
  await theirs.close()
  tab.kill()
})

test('[ID5] two pages append 300 entries each at once: one order for all, nothing lost, nothing twice', async () => {
  const name = freshName()
  const tabs = [await openTab(), await openTab()]
  const logs = await Promise.all(tabs.map((tab) => tab.indexedDb(name).openLog('space')))
  const reader = await openLog(name)
  const write = (log: Log, writer: number): Promise<number[]> =>
    Promise.all(Array.from({ length: 300 }, (_, i) => log.append(Uint8Array.of(writer, i >>> 8, i & 255))))
  let writing = true
  const followed: [number, string][] = []
  const follow = async (): Promise<void> => {
    let last = 0
    for (let isFinal = false; !isFinal;) {
      isFinal = !writing
      last = await reader.read(last, (entry, position) => followed.push([position, entry.join()]))
    }
  }
  const following = follow()
  const told = await Promise.all(logs.map(write))
  writing = false
  await following
  expect(followed.length).toBe(600)
  expect(new Set(followed.map(([, entry]) => entry)).size).toBe(600)
  const positions = followed.map(([position]) => position)
  expect(positions).toEqual([...positions].sort((a, b) => a - b))
  for (const [writer, mine] of told.entries()) {
    expect(mine).toEqual(followed.flatMap(([position, entry]) => (entry.startsWith(`${writer},`) ? [position] : [])))
  }
  for (const log of logs) {
    const entries: [number, string][] = []
    await log.read(0, (entry, position) => entries.push([position, entry.join()]))
    expect(entries).toEqual(followed)
    await log.close()
  }
  for (const tab of tabs) tab.kill()
})

test('[ID6] a long log of large entries is read in bounded batches', async () => {
  const log = await openLog()
  const count = 40
  for (let i = 0; i < count; i++) await log.append(new Uint8Array(500_000).fill(i))
  for (let i = 0; i < 1000; i++) void log.append(Uint8Array.of(i & 255))
  const { getAll } = IDBIndex.prototype
  const batches: number[] = []
  IDBIndex.prototype.getAll = function (...args) {
    const request = getAll.apply(this, args)
    request.addEventListener('success', () => {
      batches.push((request.result as { entry: Uint8Array }[]).reduce((bytes, { entry }) => bytes + entry.length, 0))
    })
    return request
  }
  onTestFinished(() => {
    IDBIndex.prototype.getAll = getAll
  })
  expect((await entriesOf(log)).length).toBe(count + 1000)
  expect(batches.length).toBeGreaterThan(4)
  // The first batch knows nothing of sizes; those after it do.
  expect(Math.max(...batches.slice(1))).toBeLessThanOrEqual(2 * 1024 * 1024)
})

/** Goes round in the page's own tasks, and calls `onTask` in each, until the test is over. */
function eachTask(onTask: () => void): void {
  const { port1, port2 } = new MessageChannel()
  port1.onmessage = () => {
    onTask()
    port2.postMessage(0)
  }
  port2.postMessage(0)
  onTestFinished(() => port1.close())
}

/** Parts of a checkpoint of 15 MB. */
const largeParts = (): Uint8Array[] => Array.from({ length: 230 }, (_, i) => new Uint8Array(65_600).fill(i))

test('[ID22] a large checkpoint is handed over in several tasks, and is there at once', async () => {
  const name = freshName()
  const [log, other] = [await openLog(name), await openLog(name)]
  for (const byte of [1, 2, 3]) await log.append(Uint8Array.of(byte))
  let task = 0
  const bytesByTask = new Map<number, number>()
  eachTask(() => (task += 1))
  const { add } = IDBObjectStore.prototype
  const spy = vi.spyOn(IDBObjectStore.prototype, 'add').mockImplementation(function (this: IDBObjectStore, value) {
    bytesByTask.set(task, (bytesByTask.get(task) ?? 0) + (value as { entry: Uint8Array }).entry.length)
    return add.call(this, value)
  })
  onTestFinished(() => spy.mockRestore())
  const lengths = new Set<number>()
  let isOver = false
  const reading = (async () => {
    while (!isOver) lengths.add((await entriesOf(other)).length)
  })()
  const parts = largeParts()
  await log.replace(2, parts, 0)
  isOver = true
  await reading
  expect(bytesByTask.size).toBeGreaterThan(3)
  expect(Math.max(...bytesByTask.values())).toBeLessThan(4 * 1024 * 1024 + 65_600)
  // All of it, and what came behind it, or what was there before.
  expect([...lengths].every((length) => length === 3 || length === parts.length + 1)).toBe(true)
  const read = await entriesOf(other)
  expect(read.map(([byte]) => byte)).toEqual([...parts.map(([byte]) => byte), 3])
})

test('[ID22] a page that is frozen while it hands over a checkpoint has changed nothing, and keeps nobody from writing', async () => {
  const name = freshName()
  const page = Object.assign(new EventTarget(), { visibilityState: 'visible' as const })
  const surroundings = Object.create(surroundingsHere, { page: { value: page } }) as Surroundings
  const log = await indexedDb(name, surroundings).openLog('space')
  const other = await openLog(name)
  for (const byte of [1, 2, 3]) await log.append(Uint8Array.of(byte))
  let isFreezing = true
  eachTask(() => void (isFreezing && page.dispatchEvent(new Event('freeze'))))
  await expect(log.replace(2, largeParts(), 0)).rejects.toMatchObject({ name: 'StoreError' })
  await other.append(Uint8Array.of(4))
  expect(await entriesOf(other)).toEqual([[1], [2], [3], [4]])
  // What fits into one task has been handed over when it is frozen.
  await log.replace(1, [Uint8Array.of(10), Uint8Array.of(11)], 0)
  isFreezing = false
  await log.replace(2, largeParts(), 0)
  expect((await entriesOf(other)).length).toBe(232)
  await log.close()
})

test('[ID6] the next batch is read while one is taken in, and no further one', async () => {
  const log = await openLog()
  for (let i = 0; i < 200; i++) void log.append(new Uint8Array(100_000).fill(i))
  await log.append(Uint8Array.of(200))
  const { getAll } = IDBIndex.prototype
  let asked = 0
  const spy = vi.spyOn(IDBIndex.prototype, 'getAll').mockImplementation(function (this: IDBIndex, ...args) {
    asked += 1
    return getAll.apply(this, args)
  })
  onTestFinished(() => spy.mockRestore())
  const seen: number[] = []
  let goOn = (): void => undefined
  const held = new Promise<void>((resolve) => (goOn = resolve))
  const reading = log.read(0, (entry) => {
    seen.push(entry[0]!)
    return held
  })
  await expect.poll(() => seen.length, patient).toBe(1)
  await new Promise((resolve) => setTimeout(resolve, 200))
  expect([seen.length, asked]).toEqual([1, 2])
  // It goes on behind what was there when it was read.
  await log.append(Uint8Array.of(201))
  goOn()
  await reading
  expect(seen).toEqual(Array.from({ length: 202 }, (_, i) => i))
  // A log that is closed meanwhile waits for what is on its way.
  const broken = log.read(0, () => log.close())
  await expect(broken).rejects.toMatchObject({ code: 'closed' })
})

test('[ID6] whether a checkpoint is still there is told by the shortest of its parts that were read', async () => {
  const name = freshName()
  const [log, other] = [await openLog(name), await openLog(name)]
  await log.append(Uint8Array.of(0))
  const parts = (from: number): Uint8Array[] => largeParts().map((part, i) => (i === 1 ? Uint8Array.of(from) : part))
  await log.replace(1, parts(1), 0)
  const { get } = IDBIndex.prototype
  const lookedAt: Promise<number>[] = []
  const spy = vi.spyOn(IDBIndex.prototype, 'get').mockImplementation(function (this: IDBIndex, ...args) {
    const request = get.apply(this, args)
    lookedAt.push(
      new Promise((resolve) => {
        request.addEventListener('success', () => resolve((request.result as { entry: Uint8Array }).entry.length))
      }),
    )
    return request
  })
  onTestFinished(() => spy.mockRestore())
  const seen: Uint8Array[] = []
  await log.read(0, async (entry) => {
    seen.push(entry)
    // Another one takes its place in the middle, of which all parts but this one are the same.
    if (seen.length === 100) await other.replace(1, parts(2), 0)
  })
  const lengths = await Promise.all(lookedAt)
  expect(lengths.length).toBeGreaterThan(4)
  expect([...new Set(lengths)]).toEqual([1])
  const brief = (entry: Uint8Array): string => `${entry[0]} × ${entry.length}`
  expect(seen.slice(-230).map(brief)).toEqual(parts(2).map(brief))
})

test.each<readonly [what: string, ranges: readonly ReadRange[], asked: number]>([
  ['a range, which is known where it ends', [{ upTo: 3 }, { after: 5 }], 2],
  ['a first entry with which all begins', [{ most: 1, isBeginning: () => true }], 2],
  ['a first entry of which it is not known', [{ most: 1, isBeginning: () => false }], 1],
  ['so many, of which it is not known', [{ most: 1 }], 1],
])('[ID6] what comes behind %s: whether it is read while that is taken in', async (_, ranges, whileTakenIn) => {
  const log = await openLog()
  const told: number[] = []
  for (let i = 0; i < 8; i++) told.push(await log.append(Uint8Array.of(i)))
  const { getAll } = IDBIndex.prototype
  let asked = 0
  const spy = vi.spyOn(IDBIndex.prototype, 'getAll').mockImplementation(function (this: IDBIndex, ...args) {
    asked += 1
    return getAll.apply(this, args)
  })
  onTestFinished(() => spy.mockRestore())
  const positionOf = (place: number | undefined): number => told[place! - 1]!
  const left = ranges.map(({ after, upTo, ...more }) => ({
    ...more,
    ...(after !== undefined && { after: positionOf(after) }),
    ...(upTo !== undefined && { upTo: positionOf(upTo) }),
  }))
  const seen: number[] = []
  let goOn = (): void => undefined
  const held = new Promise<void>((resolve) => (goOn = resolve))
  const reading = log.read(
    0,
    (entry) => {
      seen.push(entry[0]!)
      return held
    },
    undefined,
    () => left.shift() ?? {},
  )
  await expect.poll(() => seen.length, patient).toBe(1)
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect([seen.length, asked]).toEqual([1, whileTakenIn])
  goOn()
  await reading
  expect(seen).toEqual(ranges[0]!.upTo === undefined ? [0, 1, 2, 3, 4, 5, 6, 7] : [0, 1, 2, 5, 6, 7])
})

test('[ID5] any history of two tabs reads as the plain list it is', async () => {
  let appended = 0
  let fenced = 0
  let claimed = 0
  const histories = fc.array(step, { minLength: 10, maxLength: 30, size: 'max' })
  await fc.assert(
    fc.asyncProperty(histories, async (history) => {
      const name = freshName()
      const tabs = [indexedDb(name), indexedDb(name)]
      const logs = await Promise.all(tabs.map((tab) => tab.openLog('space')))
      const model: Model = { entries: [], fence: 0, claim: undefined, appended: 0, fenced: 0, claimed: 0 }
      for (const take of history) await take(logs, model, tabs)
      appended += model.appended
      fenced += model.fenced
      claimed += model.claimed
      for (const log of logs) await log.close()
      await deleteDatabase(name)
    }),
    { seed: 20261124, numRuns: 40 },
  )
  expect(appended).toBeGreaterThan(100)
  expect(fenced).toBeGreaterThan(10)
  expect(claimed).toBeGreaterThan(10)
})
