import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BoardPage, expect, test } from './fixtures.ts'
import { openRelay } from './support/relay.ts'

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
