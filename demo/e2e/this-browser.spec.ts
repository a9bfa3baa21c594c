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
  const versionOf = (page: Page): Promise<number | undefined> =>
    page.evaluate(
      async (name) => (await indexedDB.databases()).find((each) => each.name === name)?.version,
      `syncline:lab-${space}`,
    )
  const version = await versionOf(old.page)
  old.wire.cut()
  await write(old.page, 'stored', 3)

  // It writes without a pause until it is refused.
  const writing = await old.page.evaluateHandle(() => {
    const work = { written: 0, promised: 0, ended: run() }
    async function run(): Promise<unknown> {
      await Promise.resolve()
      for (;;) {
        const receipt = lab.store.transact((tx) => {
          tx.create(lab.cards.at(`busy${work.written++}`), { title: 'x' })
          tx.add(lab.writes, 1)
        })
        const error = await receipt.durable().catch((reason: unknown) => reason)
        if (error !== undefined) return (error as { code?: string }).code
        work.promised++
      }
    }
    return work
  })
  await old.page.waitForFunction((it) => it.promised > 3, writing)
  // The next release of the app: another build, of a format and a protocol that are one newer.
  const wire = await layWire(relay.url)
  wire.cut()
  const newer = await browserOnDisk.newPage()
  await openStoreAt(newer, `${labUrl}/newer/`, { space, relay: wire.url })
  expect(await versionOf(newer)).toBe(version! + 1)

  const told = await old.page.evaluate(async (it) => {
    const codes = [await it.ended]
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
    const { written, promised } = it
    return {
      storage,
      code: storageError?.code,
      message: storageError?.message,
      saved,
      pending,
      codes,
      written,
      promised,
    }
  }, writing)
  const total = 5 + told.written
  expect(told).toMatchObject({
    storage: 'memory-only',
    code: 'storage-newer',
    message: expect.stringContaining('Reload the page'),
    saved: 'memory',
    pending: total,
    codes: ['storage-newer', 'storage-newer', 'storage-newer'],
  })
  // What was pending has come along, with all that was promised to be stored.
  const cameAlong = await contentOf(newer)
  const promised = Array.from({ length: told.promised }, (_, i) => `busy${i}`)
  expect(cameAlong.ids).toEqual(expect.arrayContaining(['stored0', 'stored1', 'stored2', ...promised]))
  expect(cameAlong.writes).toBe(cameAlong.ids.length)
  // Nobody else has it, so who closes the tab is asked.
  await old.page.mouse.click(10, 10)
  await old.page.close({ runBeforeUnload: true })
  await expect.poll(() => dialogs).toEqual(['beforeunload'])

  await write(newer, 'newer', 1)
  wire.mend()
  await newer.evaluate(() => lab.networkIsBack())
  await untilSynced(newer)
  await untilAll(newer, cameAlong.writes + 1)
  // Over the relay the old tab hands over what it has, of which the newer one has sent a part.
  old.wire.mend()
  await old.page.evaluate(() => lab.networkIsBack())
  await untilSynced(old.page)
  for (const page of [old.page, newer, far.page]) await untilAll(page, total + 1)
  // So nobody is asked any more.
  const closed = old.page.waitForEvent('close')
  await old.page.close({ runBeforeUnload: true })
  await closed
  expect(dialogs).toHaveLength(1)
  // Old code that is loaded again, as from a cache, refuses what it does not know, and works with the relay.
  const again = await openLab({ context: browserOnDisk })
  await untilAll(again.page, total + 1)
  const loaded = await again.page.evaluate(() => {
    lab.store.transact((tx) => tx.create(lab.cards.at('again'), { title: 'x' }))
    const { storage, storageError } = lab.store.status
    return { storage, code: storageError?.code }
  })
  expect(loaded).toEqual({ storage: 'memory-only', code: 'storage-newer' })
  await untilSynced(again.page)
  await again.page.close()
  // It is in the newer database, too.
  await newer.evaluate(() => lab.until(() => lab.store.get(lab.cards).includes('again')))
  await newer.evaluate(() => lab.store.durable())
  await openStoreAt(newer, `${labUrl}/newer/`, { space })
  expect(await contentOf(newer)).toMatchObject({ writes: total + 1, ids: { length: total + 2 } })
  await newer.close()
  await wire.close()
})

test('a browser that does not promise to keep what is stored is asked by the person, and what it answers is shown', async ({
  enter,
}) => {
  const { board, context } = await enter()
  await board.addExample()
  await board.saving.click()
  const kept = board.page.getByTestId('kept')
  await expect(kept).toContainText('The browser may clear it')
  await kept.getByRole('button', { name: 'Ask it to keep this' }).click()
  // This Chromium says no, as it does to any page that is new to it.
  await expect(kept).toHaveAttribute('data-kept', 'denied')
  await expect(kept).toContainText('does not promise that yet')
  expect(await board.page.evaluate(() => navigator.storage.persisted())).toBe(false)
  // It is no alarm: the relay has it.
  await expect(board.saving).toHaveAttribute('data-saved', 'relay')
  await expect(board.page.getByTestId('banner')).toHaveCount(0)

  const promised = await context.newPage()
  await promised.addInitScript(() => {
    StorageManager.prototype.persisted = () => Promise.resolve(true)
  })
  await promised.goto(board.page.url())
  await promised.getByTestId('saving').click()
  await expect(promised.getByText('Survives a reload and a crash')).toBeVisible()
  await expect(promised.getByTestId('kept')).toHaveCount(0)
})

test('[ID7] the board says what to do when a newer version of the app has taken over, and what is done meanwhile reaches the others', async ({
  enter,
  space,
}) => {
  const { board } = await enter()
  const far = await enter()
  await board.addExample()
  await board.isSynced()
  await board.page.evaluate((name) => {
    const request = indexedDB.open(name, 1000)
    return new Promise<void>((resolve) => {
      request.onsuccess = () => {
        request.result.close()
        resolve()
      }
    })
  }, `syncline:demo-${space}`)
  const banner = board.page.getByTestId('banner')
  await expect(banner).toContainText('newer version of the app')
  await expect(banner).toContainText('reload to get that version')
  const column = (await board.columns.first().getAttribute('aria-label'))!
  await board.addCard(column, 'Made with the old version')
  await expect(far.board.card('Made with the old version')).toBeVisible()

  await board.page.getByTestId('link-switch').click()
  await board.isLink('off')
  await board.addCard(column, 'Made without a link')
  await expect(banner).toContainText('1 change not sent yet')
  // The newer version, which is there when the page is loaded again.
  await board.page.evaluate((name) => indexedDB.deleteDatabase(name), `syncline:demo-${space}`)
  await banner.getByRole('button', { name: 'Reload' }).click()
  await board.page.getByRole('button', { name: 'Switch the link on' }).click()
  await expect(board.page.getByTestId('banner')).toContainText('was cleared')
  await expect(board.card('Made without a link')).toBeVisible()
})

test('[ID10] [SS1] the browser drops the connections of tabs that idle and of one that writes: they connect again, and nothing is lost or doubled', async ({
  browserOnDisk,
  openLab,
}) => {
  const idle = await openLab({ context: browserOnDisk })
  const busy = await openLab({ context: browserOnDisk })
  const far = await openLab()
  for (const { page } of [idle, busy]) {
    // What is told of the connection itself.
    await page.evaluate(() => {
      const dropped: string[] = []
      Object.assign(window, { dropped })
      const { transaction } = IDBDatabase.prototype
      IDBDatabase.prototype.transaction = function (this: IDBDatabase, ...args) {
        const made = transaction.apply(this, args)
        this.onclose = () => dropped.push(this.name)
        return made
      }
    })
    await write(page, page === idle.page ? 'idle' : 'busy', 2)
  }
  const writing = await busy.page.evaluateHandle(() => {
    const work = { written: 0, stored: 0, refused: new Set<unknown>(), isOver: false }
    async function run(): Promise<void> {
      while (!work.isOver) {
        const receipt = lab.store.transact((tx) => {
          tx.create(lab.cards.at(`kept${work.written++}`), { title: 'x' })
          tx.add(lab.writes, 1)
        })
        await receipt.durable().then(
          () => work.stored++,
          (error: { code?: string }) => work.refused.add(error.code),
        )
        await new Promise((resolve) => setTimeout(resolve))
      }
    }
    void run()
    return work
  })
  await busy.page.waitForFunction((it) => it.stored > 5, writing)
  // The only place in Chromium where a connection can be closed and the data left as it is.
  const internals = await browserOnDisk.newPage()
  await internals.goto('chrome://indexeddb-internals')
  for (const button of await internals.getByText('Force close', { exact: true }).all()) await button.click()
  for (const { page } of [idle, busy]) {
    await page.waitForFunction(() => (window as unknown as { dropped: readonly string[] }).dropped.length > 0)
  }
  const before = await busy.page.evaluate((it) => it.stored, writing)
  await busy.page.waitForFunction(([it, count]) => it.stored > count + 5, [writing, before] as const)
  const { written, refused } = await busy.page.evaluate((it) => {
    it.isOver = true
    return { written: it.written, refused: [...it.refused] }
  }, writing)
  // What was on its way is told as not stored, whether it was or not, and is stored all the same.
  expect(['storage-lost'].slice(0, refused.length)).toEqual(refused)
  // The idle one has read all of it, and writes.
  await write(idle.page, 'again', 2)
  for (const { page } of [idle, busy]) await untilSynced(page)
  for (const { page } of [idle, busy, far]) await untilAll(page, written + 6)
  expect(await idle.page.evaluate(() => lab.store.status)).toMatchObject({ storage: 'ok', unsaved: 0 })
  await Promise.all([idle.page, busy.page, internals].map((page) => page.close()))
})
