import { cp, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from '@playwright/test'
import { expect, openStoreAt, test } from './support/lab.ts'
import { openProfile } from './support/profile.ts'
import { layWire, socketOf } from './support/wire.ts'

/** Writes so many commits, each of which creates a card and counts one; resolves to the writers of them when all are on this device. */
function write(page: Page, prefix: string, count: number): Promise<readonly string[]> {
  return page.evaluate(
    async (it) => {
      const writers = new Set<string>()
      for (let i = 0; i < it.count; i++) {
        const receipt = lab.store.transact((tx) => {
          tx.create(lab.cards.at(`${it.prefix}${i}`), { title: 'x' })
          tx.add(lab.writes, 1)
        })
        writers.add(receipt.change!.writer)
        await receipt.durable()
      }
      return [...writers]
    },
    { prefix, count },
  )
}

const contentOf = (page: Page): Promise<{ ids: readonly string[]; writes: number }> =>
  page.evaluate(() => ({ ids: lab.store.get(lab.cards), writes: lab.store.get(lab.writes) }))

const untilSynced = (page: Page): Promise<void> => page.evaluate(() => lab.store.synced())

/** Waits until a page shows what the relay has, and that is so many commits. */
async function untilAll(page: Page, count: number): Promise<void> {
  await page.evaluate((it) => lab.until(() => lab.store.get(lab.writes) >= it && lab.store.status.pending === 0), count)
  const { ids, writes } = await contentOf(page)
  expect(writes).toBe(count)
  expect(ids).toHaveLength(count)
  expect(await page.evaluate(() => lab.store.snapshot.basis.relaySeq)).toBe(count)
}

test('[ST15] [ST16] a tab that was duplicated with all that it keeps for itself writes under a name of its own, and nothing is lost or doubled', async ({
  browserOnDisk,
  openLab,
  labUrl,
  space,
}) => {
  const first = await openLab({ context: browserOnDisk })
  const far = await openLab()
  await first.page.evaluate(() => {
    sessionStorage.setItem('mine', 'a tab')
    history.replaceState({ mine: 'a tab' }, '')
  })
  const before = await write(first.page, 'before', 3)
  first.wire.cut()
  // What the browser does for "duplicate" and for a link to a new tab: the opened one has a copy of the session.
  const opening = browserOnDisk.waitForEvent('page')
  await first.page.evaluate(() => void window.open(location.href))
  const duplicate = await opening
  await openStoreAt(duplicate, labUrl, { space, relay: first.wire.url })
  expect(await duplicate.evaluate(() => sessionStorage.getItem('mine'))).toBe('a tab')
  const [one, other] = await Promise.all([write(first.page, 'one', 20), write(duplicate, 'other', 20)])
  expect(one).toEqual(before)
  expect(one).toHaveLength(1)
  expect(other).toHaveLength(1)
  expect(other).not.toEqual(one)
  // The first tab is gone, and comes back with its session, while the other lives.
  await first.page.reload()
  await first.page.evaluate((it) => lab.open(it), { space, relay: first.wire.url })
  const [again] = await write(first.page, 'again', 5)
  expect([...one, ...other]).not.toContain(again)
  first.wire.mend()
  await first.page.evaluate(() => lab.networkIsBack())
  await duplicate.evaluate(() => lab.networkIsBack())
  for (const page of [first.page, duplicate]) await untilSynced(page)
  for (const page of [first.page, duplicate, far.page]) await untilAll(page, 48)
  expect(await contentOf(duplicate)).toEqual(await contentOf(far.page))
  await Promise.all([first.page.close(), duplicate.close()])
})

test('[ST11] [ST16] a browser and the old copy of it that somebody starts again both go on, and nothing is lost or doubled', async ({
  openLab,
  labUrl,
  space,
  relay,
  launchOptions,
}) => {
  const far = await openLab()
  const options = { space, relay: socketOf(relay.url) }
  const profile = await openProfile(launchOptions)
  const writers: string[] = []
  // Some of it the relay has, some of it this browser only.
  let page = await profile.context.newPage()
  await openStoreAt(page, labUrl, options)
  writers.push(...(await write(page, 'sent', 3)))
  await untilSynced(page)
  await openStoreAt(page, labUrl, { space })
  writers.push(...(await write(page, 'kept', 4)))
  await profile.stop()
  const folder = await mkdtemp(join(tmpdir(), 'syncline-profile-'))
  await cp(profile.folder, folder, { recursive: true })

  // One goes on, and the relay gets what was kept.
  await profile.start()
  page = await profile.context.newPage()
  await openStoreAt(page, labUrl, options)
  writers.push(...(await write(page, 'on', 5)))
  await untilSynced(page)
  await untilAll(far.page, 12)

  // The other knows nothing of that.
  const copy = await openProfile(launchOptions, folder)
  try {
    const old = await copy.context.newPage()
    await openStoreAt(old, labUrl, { space })
    expect(await contentOf(old)).toMatchObject({ writes: 7, ids: { length: 7 } })
    writers.push(...(await write(old, 'old', 6)))
    await openStoreAt(old, labUrl, options)
    writers.push(...(await write(old, 'newer', 2)))
    writers.push(...(await write(page, 'beside', 2)))
    for (const each of [page, old]) await untilSynced(each)
    for (const each of [page, old, far.page]) await untilAll(each, 22)
    expect(await contentOf(old)).toEqual(await contentOf(far.page))
    // Each session was another writer, but for the one that went on beside the copy.
    expect(new Set(writers).size).toBe(writers.length - 1)
  } finally {
    await copy.remove()
    await profile.remove()
  }
})

test('[ID7] [DM2] [ID21] a tab with old code is told of a newer app, keeps what it does, and hands it over', async ({
  browserOnDisk,
  openLab,
  labUrl,
  space,
  relay,
}) => {
  const far = await openLab()
  const old = await openLab({ context: browserOnDisk })
  const dialogs: string[] = []
  old.page.on('dialog', (dialog) => {
    dialogs.push(dialog.type())
    void dialog.dismiss()
  })
  await old.page.evaluate(() => lab.guardUnload(lab.store))
  old.wire.cut()
  await write(old.page, 'stored', 3)

  // The same app with a format that is one newer.
  const wire = await layWire(relay.url)
  wire.cut()
  const newer = await browserOnDisk.newPage()
  await newer.addInitScript(() => {
    const { open } = IDBFactory.prototype
    IDBFactory.prototype.open = function (this: IDBFactory, name, version) {
      return version === undefined ? open.call(this, name) : open.call(this, name, version + 1)
    }
  })
  await openStoreAt(newer, labUrl, { space, relay: wire.url })
  // What was pending has come along.
  expect(await contentOf(newer)).toMatchObject({ writes: 3, ids: { length: 3 } })

  const told = await old.page.evaluate(async () => {
    await lab.until(() => lab.store.status.storage !== 'ok')
    const codes: (string | undefined)[] = []
    for (let i = 0; i < 2; i++) {
      const receipt = lab.store.transact((tx) => {
        tx.create(lab.cards.at(`unsaved${i}`), { title: 'x' })
        tx.add(lab.writes, 1)
      })
      codes.push(
        await receipt.durable().then(
          () => 'durable',
          (error: { code?: string }) => error.code,
        ),
      )
    }
    const { storage, storageError, saved, pending } = lab.store.status
    return { storage, code: storageError?.code, message: storageError?.message, saved, pending, codes }
  })
  expect(told).toMatchObject({
    storage: 'memory-only',
    code: 'storage-newer',
    message: expect.stringContaining('Reload the page'),
    saved: 'memory',
    pending: 5,
    codes: ['storage-newer', 'storage-newer'],
  })
  // Nobody else has it, so who closes the tab is asked.
  await old.page.mouse.click(10, 10)
  await old.page.close({ runBeforeUnload: true })
  await expect.poll(() => dialogs).toEqual(['beforeunload'])

  await write(newer, 'newer', 1)
  wire.mend()
  await newer.evaluate(() => lab.networkIsBack())
  await untilSynced(newer)
  await untilAll(newer, 4)
  // Over the relay the old tab hands over what it has, of which the newer one has sent a part.
  old.wire.mend()
  await old.page.evaluate(() => lab.networkIsBack())
  await untilSynced(old.page)
  for (const page of [old.page, newer, far.page]) await untilAll(page, 6)
  // So nobody is asked any more.
  const closed = old.page.waitForEvent('close')
  await old.page.close({ runBeforeUnload: true })
  await closed
  expect(dialogs).toHaveLength(1)
  // It is in the newer database, too.
  await openStoreAt(newer, labUrl, { space })
  expect(await contentOf(newer)).toMatchObject({ writes: 6, ids: { length: 6 } })
  await newer.close()
  await wire.close()
})
