import { type Renderer, rendererOf } from './support/renderer.ts'
import { expect, type LabPage, openStoreAt, test } from './support/lab.ts'
import { socketOf } from './support/wire.ts'

const writes = ({ page }: LabPage): Promise<number> => page.evaluate(() => lab.store.get(lab.writes))

/** Adds one, and resolves when the relay has it. */
const addOne = ({ page }: Pick<LabPage, 'page'>): Promise<void> =>
  page.evaluate(async () => {
    await lab.store.transact((tx) => tx.add(lab.writes, 1)).synced()
  })

/** The database of the pages of a space. The browser on the disk has those of other tests, too. */
const databaseOf = (space: string): string => `syncline:lab-${space}`

/** Whether a page that was stopped is in the middle of a transaction of its database. The browser keeps all others waiting then: their storage is blocked. */
const isDatabaseHeld = ({ page }: LabPage, space: string): Promise<boolean> =>
  page.evaluate(async (name) => {
    const answer = new Promise<boolean>((resolve) => {
      const request = indexedDB.open(name)
      request.onsuccess = () => {
        const transaction = request.result.transaction(request.result.objectStoreNames, 'readwrite')
        transaction.objectStore('entries').count().onsuccess = () => resolve(false)
        transaction.oncomplete = () => request.result.close()
      }
    })
    return Promise.race([answer, new Promise<boolean>((resolve) => setTimeout(() => resolve(true), 1_000))])
  }, databaseOf(space))

/** Stops a page wherever it is, but not in the middle of a transaction. */
async function stopBetween(renderer: Renderer, witness: LabPage, space: string): Promise<void> {
  for (let tries = 0; tries < 10; tries++) {
    renderer.stop()
    if (!(await isDatabaseHeld(witness, space))) return
    renderer.goOn()
    await witness.page.waitForTimeout(7 * tries)
  }
  throw new Error('The page was in the middle of a transaction ten times.')
}

const untilWrites = ({ page }: Pick<LabPage, 'page'>, count: number): Promise<void> =>
  page.evaluate((it) => lab.until(() => lab.store.get(lab.writes) === it), count)

test('[ST40] [ST17] the link is taken from a tab whose process is stopped, and when it goes on nothing is lost and all agree', async ({
  browserOnDisk,
  openLab,
  space,
}) => {
  const first = await openLab({ context: browserOnDisk })
  const second = await openLab({ context: browserOnDisk })
  const third = await openLab({ context: browserOnDisk })
  const far = await openLab()
  const own = [first, second, third]
  const renderer = await rendererOf(first.page)
  // It is stopped in the middle of its work.
  const writing = await first.page.evaluateHandle(() => lab.keepWriting({ prefix: 'first', unsynced: 20 }))
  await first.page.waitForFunction((it) => it.synced.length > 20, writing)
  expect(own.map(({ wire }) => wire.counts.connections)).toEqual([1, 0, 0])
  try {
    await stopBetween(renderer, second, space)
    await addOne(second)
    await addOne(far)
    const count = await writes(far)
    for (const each of [second, third, far]) await untilWrites(each, count)
    // By one of them, but for a machine so busy that the other takes it again: that it is one is said in virtual time, where tabs are never kept waiting.
    expect(second.wire.counts.connections + third.wire.counts.connections).toBeGreaterThanOrEqual(1)
  } finally {
    renderer.goOn()
  }
  await first.page.evaluate((it) => it.stop(), writing)
  const { written, failures } = await first.page.evaluate(
    ({ written: ids, failures: said }) => ({ written: [...ids], failures: [...said] }),
    writing,
  )
  expect(failures).toEqual([])
  for (const each of [...own, far]) await untilWrites(each, written.length + 2)
  const contents = await Promise.all(
    [...own, far].map(({ page }) =>
      page.evaluate(() => ({ ids: lab.store.get(lab.cards), relaySeq: lab.store.snapshot.basis.relaySeq })),
    ),
  )
  for (const content of contents) expect(content).toEqual({ ids: [...written].sort(), relaySeq: written.length + 2 })
  // It stays where it is, and the one that was robbed does not take it back.
  expect(first.wire.counts.connections).toBe(1)
  // What they have in common on the disk is the same log: a tab that comes now reads it so.
  const fourth = await openLab({ context: browserOnDisk })
  await untilWrites(fourth, written.length + 2)
  await Promise.all([...own, fourth].map(({ page }) => page.close()))
})

/** What became of the transactions in which a page has shown its fence. */
interface Shown {
  stored: number
  refused: number
}

/** Runs before the page: it counts where its fence was checked, and when it is `deaf` is not told by anybody that it was robbed. */
function watchFences(): void {
  const shown: Shown = { stored: 0, refused: 0 }
  Object.assign(window, { shown, deaf: false })
  const isDeaf = (): boolean => (window as unknown as { deaf: boolean }).deaf
  const { add } = IDBObjectStore.prototype
  IDBObjectStore.prototype.add = function (this: IDBObjectStore, ...args) {
    // Who takes a fence adds to nothing else.
    if (this.name === 'fences' && this.transaction.objectStoreNames.contains('entries')) {
      this.transaction.addEventListener('complete', () => shown.stored++)
      this.transaction.addEventListener('abort', () => shown.refused++)
    }
    return add.apply(this, args)
  }
  const { request } = LockManager.prototype
  LockManager.prototype.request = function (this: LockManager, ...args: unknown[]) {
    const asked = Reflect.apply(request, this, args) as Promise<unknown>
    return asked.catch((error) => (isDeaf() ? new Promise(() => undefined) : Promise.reject(error)))
  } as typeof request
  const property = Object.getOwnPropertyDescriptor(BroadcastChannel.prototype, 'onmessage')!
  Object.defineProperty(BroadcastChannel.prototype, 'onmessage', {
    ...property,
    set(this: BroadcastChannel, listener: ((event: MessageEvent) => void) | null) {
      property.set!.call(this, listener && ((event: MessageEvent) => void (isDeaf() || listener(event))))
    },
  })
}

const shownBy = ({ page }: LabPage): Promise<Shown> =>
  page.evaluate(() => ({ ...(window as unknown as { shown: Shown }).shown }))

test('[ID4] [ST40] [ST17] a leader whose process was stopped, and whom nobody tells that it was replaced, writes nothing when it goes on', async ({
  browserOnDisk,
  openLab,
  space,
}) => {
  const first = await openLab({ context: browserOnDisk })
  await first.page.addInitScript(watchFences)
  await first.reload()
  const second = await openLab({ context: browserOnDisk })
  const far = await openLab()
  await addOne(far)
  for (const each of [first, second]) await untilWrites(each, 1)
  const before = await shownBy(first)
  expect([before.stored > 0, before.refused]).toEqual([true, 0])
  const renderer = await rendererOf(first.page)
  await first.page.evaluate(() => void Object.assign(window, { deaf: true }))
  try {
    await stopBetween(renderer, second, space)
    await addOne(second)
    expect(second.wire.counts.connections).toBe(1)
  } finally {
    renderer.goOn()
  }
  // It has a socket still, and is told what happens by the relay.
  await addOne(far)
  await first.page.waitForFunction(() => (window as unknown as { shown: Shown }).shown.refused > 0)
  expect((await shownBy(first)).stored).toBe(before.stored)
  await untilWrites(second, 3)
  await first.page.evaluate(() => void Object.assign(window, { deaf: false }))
  await addOne(first)
  for (const each of [first, second, far]) await untilWrites(each, 4)
  const third = await openLab({ context: browserOnDisk })
  expect(await third.page.evaluate(() => lab.store.snapshot.basis.relaySeq)).toBe(4)
  await untilWrites(third, 4)
  await Promise.all([first, second, third].map(({ page }) => page.close()))
})

test('[ID6] a tab that stands still in the middle of reading keeps the others neither from writing nor from reading', async ({
  browserOnDisk,
  openLab,
}) => {
  const [first, second] = [await openLab({ context: browserOnDisk }), await openLab({ context: browserOnDisk })]
  const renderer = await rendererOf(second.page)
  await addOne(first)
  await untilWrites(second, 1)
  await second.page.evaluate(() => {
    const { getAll } = IDBIndex.prototype
    IDBIndex.prototype.getAll = function (this: IDBIndex, ...args) {
      const request = getAll.apply(this, args)
      // When it has asked, and nothing that comes after the present task will ever happen.
      queueMicrotask(() => {
        for (;;);
      })
      return request
    }
  })
  for (let i = 0; i < 5; i++) await addOne(first)
  expect(await writes(first)).toBe(6)
  const third = await openLab({ context: browserOnDisk })
  await untilWrites(third, 6)
  await renderer.kill()
  await Promise.all([first, second, third].map(({ page }) => page.close()))
})

test('[SS2] [ST19] a tab that hangs with the database in its hands keeps what others do from the disk, and not from the relay', async ({
  browserOnDisk,
  openLab,
  space,
}) => {
  const [first, second] = [await openLab({ context: browserOnDisk }), await openLab({ context: browserOnDisk })]
  const far = await openLab()
  const renderer = await rendererOf(first.page)
  await addOne(second)
  for (const each of [first, far]) await untilWrites(each, 1)
  const holds = first.page.waitForEvent('console', (said) => said.text() === 'It is mine.')
  void first.page
    .evaluate((name) => {
      const request = indexedDB.open(name)
      request.onsuccess = () => {
        const transaction = request.result.transaction(request.result.objectStoreNames, 'readwrite')
        transaction.objectStore('entries').count().onsuccess = () => {
          console.log('It is mine.')
          for (;;);
        }
      }
    }, databaseOf(space))
    .catch(() => undefined)
  await holds
  await addOne(second)
  await untilWrites(far, 2)
  expect(await second.page.evaluate(() => lab.store.status)).toMatchObject({ storage: 'blocked', unsaved: 1 })
  await renderer.kill()
  await second.page.evaluate(() => lab.until(() => lab.store.status.storage === 'ok'))
  const third = await openLab({ context: browserOnDisk })
  expect(await writes(third)).toBe(2)
  await Promise.all([first, second, third].map(({ page }) => page.close()))
})

test('[ST23] [ID13] a page that stood still while its socket died, told of it or not, connects by itself when it goes on, and is in sync', async ({
  browserOnDisk,
  openLab,
  labUrl,
  relayProxy,
  space,
}) => {
  const page = await browserOnDisk.newPage()
  await openStoreAt(page, labUrl, { space, relay: socketOf(relayProxy.url) })
  const far = await openLab()
  await addOne({ page })
  const renderer = await rendererOf(page)
  // Browsers that are driven freeze no page: it is told as they tell it, and stopped.
  const tell = (what: string): Promise<void> => page.evaluate((it) => void document.dispatchEvent(new Event(it)), what)
  let count = 1
  for (const isTold of [false, true]) {
    // What it has committed is on its way when it is stopped.
    await page.evaluate(() => void lab.store.transact((tx) => tx.add(lab.writes, 1)))
    if (isTold) await tell('freeze')
    renderer.stop()
    try {
      relayProxy.cut()
      await addOne(far)
      relayProxy.mend()
    } finally {
      renderer.goOn()
    }
    if (isTold) await tell('resume')
    count += 2
    for (const each of [{ page }, far]) await untilWrites(each, count)
    expect(await page.evaluate(() => lab.store.status)).toMatchObject({ link: 'online', problem: undefined })
  }
  await page.close()
})
