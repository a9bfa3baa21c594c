import type { Page } from '@playwright/test'
import type { Ref } from '@syncline/stm'
import { expect, expectEqualBoards, test } from './fixtures.ts'

/** A member of a collection that the relay decides about. */
type Booking = Ref<{ readonly title: string } | undefined, { create: { readonly title: string } }, 'relay'>

const undoButton = (page: Page) =>
  page.getByRole('group', { name: 'Undo and redo' }).getByRole('button', { name: 'Undo' })
const redoButton = (page: Page) =>
  page.getByRole('group', { name: 'Undo and redo' }).getByRole('button', { name: 'Redo' })

test('undo takes back what one person did, leaves alone what the other did, and survives a reload', async ({
  enter,
}) => {
  const [ada, ben] = [await enter({ name: 'Ada' }), await enter({ name: 'Ben' })]
  const { page } = ada.board
  const { keyboard } = page
  await ada.board.addExample()
  await expect(ben.board.cards).toHaveCount(6)
  await expect(undoButton(ben.board.page)).toBeDisabled()

  await ada.board.renameCard('Rename me with F2', 'Named by Ada')
  await ada.board
    .card('Named by Ada')
    .getByRole('button', { name: 'Named by Ada', exact: true })
    .press('Shift+ArrowLeft')
  await ben.board.addCard('Done', 'A card by Ben')
  await ben.board.card('Named by Ada').getByRole('checkbox').click()
  await Promise.all([ada.board.isSynced(), ben.board.isSynced()])
  await expect(ada.board.card('A card by Ben')).toBeVisible()
  await expect(ada.board.card('Named by Ada').getByRole('checkbox')).toBeChecked()

  // The move, by the keys; then the name, by the button.
  await keyboard.press('Control+z')
  await expect(ada.board.column('Doing').getByRole('button', { name: 'Named by Ada', exact: true })).toBeVisible()
  await undoButton(page).click()
  await expect(ada.board.card('Rename me with F2')).toBeVisible()
  await expect(ben.board.card('Rename me with F2').getByRole('checkbox')).toBeChecked()
  await expect(ben.board.card('A card by Ben')).toBeVisible()
  await ada.board.isSynced()

  await page.reload()
  await ada.board.isOpen()
  await expect(redoButton(page)).toBeEnabled()
  await keyboard.press('Control+Shift+z')
  await expect(ada.board.card('Named by Ada')).toBeVisible()
  await keyboard.press('Control+y')
  await expect(ada.board.column('Next').getByRole('button', { name: 'Named by Ada', exact: true })).toBeVisible()
  await expect(redoButton(page)).toBeDisabled()

  // Back to the start. The cards that Ben has touched stay, and Ada is told.
  for (let i = 0; i < 3; i++) await keyboard.press('Control+z')
  await expect(undoButton(page)).toBeDisabled()
  await expect(page.getByText('Somebody has changed it since').first()).toBeVisible()
  const board = await expectEqualBoards(ada.board, ben.board)
  const titles = board.flatMap(({ cards }) => cards.map(({ title }) => title))
  expect(titles).not.toContain('Write a note together')
  await expect(ben.board.card('A card by Ben')).toBeVisible()
  await expect(ben.board.card('Rename me with F2').getByRole('checkbox')).toBeChecked()
})

test('what is typed into a note is undone by the board: by keys in the note, by the button, and after a reload', async ({
  enter,
}) => {
  const [ada, ben] = [await enter({ name: 'Ada' }), await enter({ name: 'Ben' })]
  await ada.board.addColumn('Todo')
  await ada.board.addCard('Todo', 'Shared')
  await ada.board.openCard('Shared')
  await ben.board.openCard('Shared')
  const { page } = ada.board
  const expectNote = (text: string) => expect.poll(() => ben.board.readNote()).toBe(text)
  await ada.board.writeNote('One.')
  await expectNote('One.')
  await ben.board.note.press('Control+Home')
  await ben.board.page.keyboard.type('Zero. ')
  await expect.poll(() => ada.board.readNote()).toBe('Zero. One.')
  // A pause, as people make it between two thoughts.
  await page.waitForTimeout(600)
  await ada.board.writeNote(' Two.')
  await expectNote('Zero. One. Two.')

  await page.keyboard.press('Control+z')
  await expectNote('Zero. One.')
  await undoButton(page).click()
  await expectNote('Zero. ')
  await redoButton(page).click()
  await expectNote('Zero. One.')
  await ada.board.isSynced()

  await page.reload()
  await ada.board.isOpen()
  await ada.board.openCard('Shared')
  await page.keyboard.press('Control+Shift+z')
  await expectNote('Zero. One. Two.')
  for (let i = 0; i < 2; i++) await page.keyboard.press('Control+z')
  await expectNote('Zero. ')
  await ada.board.closeCard()
  await expect(ada.board.card('Shared')).toBeVisible()
})

test('each tab undoes its own, and in a field the keys are for what is typed there', async ({ enter }) => {
  const ada = await enter()
  await ada.board.addColumn('Todo')
  await ada.board.addCard('Todo', 'one')
  const second = await ada.openTab()
  await expect(undoButton(second.page)).toBeDisabled()
  await second.addCard('Todo', 'two')
  await expect(ada.board.card('two')).toBeVisible()
  await ada.board.page.bringToFront()
  await ada.board.page.locator('h1').click()
  await ada.board.page.keyboard.press('Control+z')
  await expect(ada.board.card('one')).toBeHidden()
  await expect(second.card('one')).toBeHidden()
  await expect(ada.board.card('two')).toBeVisible()

  await second.page.bringToFront()
  await second.page.getByRole('button', { name: 'Add a card to Todo', exact: true }).click()
  await second.page.keyboard.type('three')
  await second.page.keyboard.press('Control+z')
  await expect(second.card('two')).toBeVisible()
  await expect(second.page.getByRole('textbox')).not.toHaveValue('three')
  await second.page.keyboard.press('Escape')
  await second.page.locator('h1').click()
  await second.page.keyboard.press('Control+z')
  await expect(second.card('two')).toBeHidden()
  await expect(ada.board.card('two')).toBeHidden()
})

test('a step that the relay has decided about is undone when the relay can be asked, and stays until then', async ({
  enter,
  relayProxy,
}) => {
  const [ada, ben] = [await enter({ name: 'Ada', via: relayProxy }), await enter({ name: 'Ben' })]
  const { page } = ada.board
  /** The board has no refs that the relay decides about: this is a member of a collection like the cards that is one. */
  const booked = (of: Page, title: string | null) =>
    of.evaluate(async (words) => {
      const { store, cards } = window.syncline!
      const card = cards.at('booked')
      const key = card.key.replace('record ', 'record@relay ')
      const seat = { ...card, key, arbiter: 'relay' as const, options: { arbiter: 'relay' as const } }
      const booking = seat as unknown as Booking
      if (words !== null) await store.transactAsync((tx) => tx.create(booking, { title: words }), { arbiter: 'relay' })
      return store.get(booking)?.title
    }, title)
  expect(await booked(page, 'Row 1, seat 2')).toBe('Row 1, seat 2')
  await expect.poll(() => booked(ben.board.page, null)).toBe('Row 1, seat 2')

  relayProxy.cut()
  await ada.board.isLink('waiting')
  await page.locator('h1').click()
  await page.keyboard.press('Control+z')
  await expect(page.getByText('It can be undone when there is a connection.').first()).toBeVisible()
  await expect(undoButton(page)).toBeEnabled()
  expect(await booked(page, null)).toBe('Row 1, seat 2')

  relayProxy.mend()
  await ada.board.isLink('online')
  await undoButton(page).click()
  await expect(undoButton(page)).toBeDisabled()
  await expect.poll(() => booked(ben.board.page, null)).toBe(undefined)
  await page.reload()
  await ada.board.isOpen()
  await booked(page, null)
  await ada.board.isLink('online')
  await page.locator('h1').click()
  await page.keyboard.press('Control+Shift+z')
  await expect.poll(() => booked(ben.board.page, null)).toBe('Row 1, seat 2')
  await expect(page.getByRole('group', { name: 'Undo and redo' })).toHaveAttribute('aria-busy', 'false')
})
