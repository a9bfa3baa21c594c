import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BoardPage, expect, test } from './fixtures.ts'
import { openRelay } from './support/relay.ts'

test('when the relay has lost its data, the board can be downloaded and started over', async ({ context }) => {
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
    await board.page.getByRole('button', { name: 'Download what is here first' }).click()
    const saved: unknown = JSON.parse(await readFile(await (await download).path(), 'utf8'))
    expect(saved).toMatchObject({
      space: 'recovery',
      columns: [{ title: 'Next', cards: [{}, {}, { title: 'Write a note together', note: 'keep me' }] }, {}, {}],
    })

    await board.page.getByRole('button', { name: 'Delete and reload' }).click()
    await expect(board.page.getByText('An empty board')).toBeVisible()
    await board.isLink('online')
    await board.addColumn('Anew')
    await board.isSynced()
  } finally {
    await relay.stop()
    await rm(folder, { recursive: true, force: true })
  }
})
