import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from '@playwright/test'
import { BoardPage } from './fixtures.ts'
import { expect, openStoreAt, test } from './support/lab.ts'
import { openRelay } from './support/relay.ts'
import { socketOf } from './support/wire.ts'

test('when the relay has lost its data, whoever has them brings them back', async ({ context, browser }) => {
  const folder = await mkdtemp(join(tmpdir(), 'syncline-recovery-'))
  const data = join(folder, 'data')
  const relay = await openRelay(data)
  await relay.start()
  try {
    const board = new BoardPage(await context.newPage())
    await board.page.goto(`${relay.url}/?space=recovery`)
    await board.addExample()
    await board.openCard('Write a note together')
    await board.writeNote('keep me')
    await board.isSynced()
    await board.closeCard()

    await relay.stop()
    await rm(data, { recursive: true })
    await relay.start()
    await board.isLink('online')
    await board.addColumn('Anew')
    await board.isSynced()
    const other = await browser.newContext()
    const fresh = new BoardPage(await other.newPage())
    await fresh.page.goto(`${relay.url}/?space=recovery`)
    await expect(fresh.cards).toHaveCount(6)
    await expect(fresh.page.getByText('Anew')).toBeVisible()
    await fresh.openCard('Write a note together')
    await expect(fresh.page.getByText('keep me')).toBeVisible()
    await other.close()
    await expect(board.cards).toHaveCount(6)
  } finally {
    await relay.stop()
    await rm(folder, { recursive: true, force: true })
  }
})

/** Creates so many cards, and counts each; resolves when the relay has them. */
const write = (page: Page, prefix: string, count: number): Promise<void> =>
  page.evaluate(
    async (it) => {
      for (let i = 0; i < it.count; i++) {
        lab.store.transact((tx) => {
          tx.create(lab.cards.at(`${it.prefix}${i}`), { title: 'x' })
          tx.add(lab.writes, 1)
        })
      }
      await lab.store.synced()
    },
    { prefix, count },
  )

test('[ST47] [RL74] a relay that came back from an old copy of its folder is given what clients know, and nothing is doubled', async ({
  browser,
  labUrl,
  space,
}) => {
  const folder = await mkdtemp(join(tmpdir(), 'syncline-recovery-'))
  const [data, old] = [join(folder, 'data'), join(folder, 'old')]
  const relay = await openRelay(data)
  const contexts = [await browser.newContext(), await browser.newContext(), await browser.newContext()]
  const enter = async (i: number): Promise<Page> => {
    const page = await contexts[i]!.newPage()
    await openStoreAt(page, labUrl, { space, relay: socketOf(relay.url) })
    return page
  }
  try {
    await relay.start()
    const [one, other] = [await enter(0), await enter(1)]
    await write(one, 'old', 3)
    await relay.stop()
    await cp(data, old, { recursive: true })
    await relay.start()
    for (const page of [one, other]) await page.evaluate(() => lab.networkIsBack())
    await Promise.all([write(one, 'one', 4), write(other, 'other', 5)])
    await relay.stop()
    await rm(data, { recursive: true })
    await cp(old, data, { recursive: true })
    // One of them has not heard of all that is to come when the relay is there again.
    await one.evaluate(() => void lab.store.transact((tx) => tx.add(lab.writes, 1)))
    await relay.start()
    for (const page of [one, other]) await page.evaluate(() => lab.networkIsBack())
    await write(other, 'again', 1)
    const fresh = await enter(2)
    for (const page of [one, other, fresh]) {
      await page.evaluate(() => lab.until(() => lab.store.get(lab.writes) === 14 && lab.store.status.pending === 0))
      expect(await page.evaluate(() => lab.store.get(lab.cards).length)).toBe(13)
      expect(await page.evaluate(() => lab.store.status)).toMatchObject({ link: 'online', refused: 0 })
    }
  } finally {
    await Promise.all(contexts.map((context) => context.close()))
    await relay.stop()
    await rm(folder, { recursive: true, force: true })
  }
})
