import { type BoardPage, expect, test } from './fixtures.ts'

/** Somebody writes the description of the open card, and saves it. */
async function describe({ panel }: BoardPage, text: string): Promise<void> {
  await panel.getByRole('button', { name: /Add a description|Edit the description/ }).click()
  await panel.getByRole('textbox', { name: 'Description' }).fill(text)
  await panel.getByRole('button', { name: 'Save' }).click()
}

const start = 'Book the boat\n\nBring: rope\n\nHarbour: Kiel\n'
const card = 'Write a note together'

test('two people change a description apart from each other: other lines merge, the same lines wait for a decision', async ({
  enter,
  relayProxy,
}) => {
  const [ada, ben] = [await enter({ name: 'Ada' }), await enter({ name: 'Ben', via: relayProxy })]
  const [{ board: here }, { board: away }] = [ada, ben]
  const words = (board: BoardPage) => board.page.getByTestId('description-text')
  await here.addExample()
  await away.card(card).waitFor()
  for (const board of [here, away]) await board.openCard(card)
  await describe(here, start)
  await expect(words(away)).toHaveText(start.trim())

  relayProxy.cut()
  await away.isLink('waiting')
  await describe(away, 'Book the boat by May\n\nBring: rope, flares\n\nHarbour: Kiel\n')
  await describe(here, 'Book the boat\n\nBring: rope, lamp\n\nHarbour: Flensburg\n')
  relayProxy.mend()
  await Promise.all([here.isSynced(), away.isSynced()])

  for (const board of [here, away]) {
    // What only one of them has changed is there, and in dispute is what stood there before.
    await expect(words(board)).toHaveText('Book the boat by May\n\nBring: rope\n\nHarbour: Flensburg')
    await expect(board.panel.getByTestId('disagreement')).toContainText('1 place was changed by two people')
    await expect(board.card(card).getByTestId('disputed')).toBeVisible()
  }

  // Ben decides, by the keyboard alone: both, and a word of his own.
  const { page } = away
  const drawer = page.getByTestId('conflict-drawer')
  await away.panel.getByRole('button', { name: 'Decide' }).press('Enter')
  await expect(drawer.getByText('After “Book the boat by May”')).toBeVisible()
  await expect(drawer.getByRole('radio', { name: /^What you wrote\s*Bring: rope, flares/ })).toBeAttached()
  await expect(drawer.getByRole('radio', { name: /^What somebody else wrote\s*Bring: rope, lamp/ })).toBeAttached()
  await expect(drawer.getByRole('button', { name: 'Save decisions' })).toBeDisabled()
  await drawer.getByRole('radio', { name: 'Keep both' }).press('Space')
  await drawer.getByRole('textbox', { name: 'What will stand there' }).fill('Bring: rope, flares, lamp')
  await page.keyboard.press('Control+Enter')
  await expect(drawer).toBeHidden()
  await expect(away.panel.getByRole('button', { name: 'Edit the description' })).toBeFocused()

  const settled = 'Book the boat by May\n\nBring: rope, flares, lamp\n\nHarbour: Flensburg'
  for (const board of [here, away]) {
    await expect(words(board)).toHaveText(settled)
    await expect(board.page.getByTestId('disputed')).toHaveCount(0)
  }
  await away.isSynced()
  await page.reload()
  await away.isOpen()
  await away.openCard(card)
  await expect(words(away)).toHaveText(settled)

  // It is taken back like anything else, and then both have it to decide again.
  await away.closeCard()
  await page.keyboard.press('Control+z')
  await expect(here.card(card).getByTestId('disputed')).toBeVisible()
  await page.keyboard.press('Control+y')
  await expect(here.page.getByTestId('disputed')).toHaveCount(0)
  await expect(words(here)).toHaveText(settled)
})
