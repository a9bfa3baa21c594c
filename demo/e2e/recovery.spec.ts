import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BoardPage, expect, test } from './fixtures.ts'
import { openRelay } from './support/relay.ts'

test('when the relay has lost its data, the board is saved, started over, and taken in again', async ({ context }) => {
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

    await relay.stop()
    await rm(data, { recursive: true })
    await relay.start()
    const banner = board.page.getByTestId('banner')
    await expect(banner).toContainText('The relay has lost its memory of this board')
    await expect(board.cards).toHaveCount(6)

    await banner.getByRole('button', { name: 'Start over on this device' }).click()
    const download = board.page.waitForEvent('download')
    await board.page.getByRole('alertdialog').getByRole('button', { name: 'Save a copy' }).click()
    const copy = join(folder, (await download).suggestedFilename())
    await (await download).saveAs(copy)

    await board.page.getByRole('button', { name: 'Delete and reload' }).click()
    await expect(board.page.getByText('An empty board')).toBeVisible()
    await board.isLink('online')
    await board.addColumn('Anew')
    await board.isSynced()

    await board.saving.click()
    await board.page.getByLabel('A copy of this board').setInputFiles(copy)
    await expect(board.page.getByText('The copy was taken in.', { exact: true })).toBeVisible()
    await board.page.keyboard.press('Escape')
    await expect(board.cards).toHaveCount(6)
    await board.openCard('Write a note together')
    expect(await board.readNote()).toBe('keep me')
    await board.isSynced()
  } finally {
    await relay.stop()
    await rm(folder, { recursive: true, force: true })
  }
})
