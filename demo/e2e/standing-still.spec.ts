import { type Renderer, rendererOf } from './support/renderer.ts'
import { expect, type LabPage, test } from './support/lab.ts'

const writes = ({ page }: LabPage): Promise<number> => page.evaluate(() => lab.store.get(lab.writes))

/** Adds one, and resolves when the relay has it. */
const addOne = ({ page }: LabPage): Promise<void> =>
  page.evaluate(async () => {
    await lab.store.transact((tx) => tx.add(lab.writes, 1)).synced()
  })

/**
 * Whether a page that was stopped is in the middle of a transaction of its database. The browser keeps all others waiting then, and no code of ours could do
 * anything about that: their storage is told to be blocked.
 */
const isDatabaseHeld = ({ page }: LabPage): Promise<boolean> =>
  page.evaluate(async () => {
    const [database] = await indexedDB.databases()
    const answer = new Promise<boolean>((resolve) => {
      const request = indexedDB.open(database!.name!)
      request.onsuccess = () => {
        const transaction = request.result.transaction(request.result.objectStoreNames, 'readwrite')
        transaction.objectStore('entries').count().onsuccess = () => resolve(false)
        transaction.oncomplete = () => request.result.close()
      }
    })
    return Promise.race([answer, new Promise<boolean>((resolve) => setTimeout(() => resolve(true), 1_000))])
  })

/** Stops a page wherever it is, but not in the middle of a transaction. */
async function stopBetween(renderer: Renderer, witness: LabPage): Promise<void> {
  for (let tries = 0; tries < 10; tries++) {
    renderer.stop()
    if (!(await isDatabaseHeld(witness))) return
    renderer.goOn()
    await witness.page.waitForTimeout(7 * tries)
  }
  throw new Error('The page was in the middle of a transaction ten times.')
}

const untilWrites = ({ page }: LabPage, count: number): Promise<void> =>
  page.evaluate((it) => lab.until(() => lab.store.get(lab.writes) === it), count)

test('[ST40] [ST17] the link is taken from a tab whose process is stopped, and when it goes on nothing is lost and all agree', async ({
  browserOnDisk,
  openLab,
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
    await stopBetween(renderer, second)
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
