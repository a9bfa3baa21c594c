import { expect, openStoreAt, test } from './support/lab.ts'

test('[ID21] somebody who closes a tab is asked while something is in its memory only, and never else', async ({
  browserOnDisk,
  labUrl,
  space,
}) => {
  const page = await browserOnDisk.newPage()
  await openStoreAt(page, labUrl, { space })
  const dialogs: string[] = []
  page.on('dialog', (dialog) => {
    dialogs.push(dialog.type())
    void dialog.dismiss()
  })
  await page.evaluate(() => lab.guardUnload(lab.store))
  // A browser asks nobody who has not touched the page.
  await page.mouse.click(10, 10)
  await page.evaluate(() => {
    const { add } = IDBObjectStore.prototype
    Object.assign(window, { add })
    IDBObjectStore.prototype.add = () => {
      throw new DOMException('There is no room.', 'QuotaExceededError')
    }
    lab.store.transact((tx) => tx.add(lab.writes, 1))
    return lab.until(() => lab.store.status.storage === 'quota')
  })
  await page.close({ runBeforeUnload: true })
  await expect.poll(() => dialogs).toEqual(['beforeunload'])
  // They stay, and there is room again.
  await page.evaluate(() => {
    IDBObjectStore.prototype.add = (window as unknown as { add: typeof IDBObjectStore.prototype.add }).add
    return lab.until(() => lab.store.status.storage === 'ok' && lab.store.status.unsaved === 0)
  })
  const closed = page.waitForEvent('close')
  await page.evaluate(() => void lab.store.transact((tx) => tx.add(lab.writes, 1)))
  await page.close({ runBeforeUnload: true })
  await closed
  expect(dialogs).toEqual(['beforeunload'])

  const next = await browserOnDisk.newPage()
  await openStoreAt(next, labUrl, { space })
  expect(await next.evaluate(() => lab.store.get(lab.writes))).toBe(2)
  await next.close()
})

test('[ID21] [SS8] where nothing is stored somebody is asked for what is of this browser only, though the relay has all else', async ({
  openLab,
}) => {
  const { page, context, wire } = await openLab()
  await context.addInitScript(() => Object.defineProperty(window, 'indexedDB', { value: undefined }))
  const bare = await context.newPage()
  const dialogs: string[] = []
  bare.on('dialog', (dialog) => {
    dialogs.push(dialog.type())
    void dialog.accept()
  })
  await openStoreAt(bare, page.url(), { space: 'bare', relay: wire.url })
  const seen = await bare.evaluate(async () => {
    lab.guardUnload(lab.store)
    await lab.store.transact((tx) => tx.add(lab.writes, 1)).synced()
    const before = lab.store.status
    await lab.deciding.count(lab.store, { steps: 2, workers: 1, way: 'update' })
    return [before, lab.store.status].map(({ storage, saved, pending, atRisk }) => ({
      storage,
      saved,
      pending,
      atRisk,
    }))
  })
  expect(seen).toEqual([
    { storage: 'memory-only', saved: 'relay', pending: 0, atRisk: 0 },
    { storage: 'memory-only', saved: 'memory', pending: 0, atRisk: 1 },
  ])
  // A browser asks nobody who has not touched the page.
  await bare.mouse.click(10, 10)
  const closed = bare.waitForEvent('close')
  await bare.close({ runBeforeUnload: true })
  await closed
  expect(dialogs).toEqual(['beforeunload'])
})
