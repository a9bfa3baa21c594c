import { expect, expectEqualBoards, test } from './fixtures.ts'

test('two people edit the same card and the same note, and see the same', async ({ enter }) => {
  const [ada, ben] = [await enter({ name: 'Ada' }), await enter({ name: 'Ben' })]
  await ada.board.addExample()
  await expect(ben.board.cards).toHaveCount(6)

  await Promise.all([
    ada.board.renameCard('Write a note together', 'Plan the trip'),
    ben.board.card('Write a note together').getByRole('checkbox').click(),
  ])
  await expect(ben.board.card('Plan the trip').getByRole('checkbox')).toBeChecked()

  await Promise.all([ada.board.openCard('Plan the trip'), ben.board.openCard('Plan the trip')])
  await Promise.all([ada.board.writeNote('bread and butter '), ben.board.writeNote('milk and honey ')])
  const board = await expectEqualBoards(ada.board, ben.board)
  const card = board[0]!.cards.find(({ title }) => title === 'Plan the trip')!
  expect(card.done).toBe(true)
  expect(card.note).toHaveLength('bread and butter milk and honey '.length)
  await expect(async () => {
    expect(await ada.board.readNote()).toBe(card.note)
    expect(await ben.board.readNote()).toBe(card.note)
  }).toPass()

  await expect(ada.board.page.locator('.cm-ySelectionInfo')).toHaveText('Ben')
  await expect(ben.board.page.locator('.cm-ySelectionInfo')).toHaveText('Ada')
})

test('two people who start with the example at the same time get one board', async ({ enter }) => {
  const [ada, ben] = [await enter(), await enter()]
  await ada.board.page.getByTestId('link-switch').click()
  await ben.board.page.getByTestId('link-switch').click()
  await ada.board.addExample()
  await ben.board.addExample()
  await ada.board.page.getByTestId('link-switch').click()
  await ben.board.page.getByTestId('link-switch').click()
  await Promise.all([ada.board.isSynced(), ben.board.isSynced()])

  const board = await expectEqualBoards(ada.board, ben.board)
  expect(board.map(({ cards }) => cards.length)).toEqual([3, 2, 1])
})

test('with the link cut both go on, reload, and are equal when it is mended', async ({ enter, relayProxy }) => {
  const ada = await enter({ via: relayProxy })
  const ben = await enter({ via: relayProxy })
  await ada.board.addExample()
  await expect(ben.board.cards).toHaveCount(6)
  await Promise.all([ada.board.isKeptOnDevice(), ben.board.isKeptOnDevice()])

  relayProxy.cut()
  await ada.board.isLink('waiting')
  await ben.board.isLink('waiting')
  await ada.board.renameCard('Rename me with F2', 'Renamed by Ada')
  await ada.board.openCard('Write a note together')
  await ada.board.writeNote('from Ada, offline. ')
  await ben.board.addCard('Next', 'A card by Ben')
  await ben.board.openCard('Write a note together')
  await ben.board.writeNote('from Ben, offline. ')
  await expect(ada.board.saving).toHaveAttribute('data-saved', 'device')
  await expect(ben.board.saving).toHaveAttribute('data-saved', 'device')

  await Promise.all([ada.board.page.reload(), ben.board.page.reload()])
  await expect(ada.board.card('Renamed by Ada')).toBeVisible()
  await expect(ben.board.card('A card by Ben')).toBeVisible()
  await expect(ada.board.saving).toHaveAttribute('data-pending', /^[1-9]/)

  relayProxy.mend()
  await Promise.all([ada.board.isSynced(), ben.board.isSynced()])
  const board = await expectEqualBoards(ada.board, ben.board)
  const cards = board.flatMap((column) => column.cards)
  expect(cards).toHaveLength(7)
  expect(cards.map(({ title }) => title)).toContain('Renamed by Ada')
  const { note } = cards.find(({ title }) => title === 'Write a note together')!
  expect(note).toContain('from Ada, offline. ')
  expect(note).toContain('from Ben, offline. ')
  await expect(ada.board.saving).toHaveAttribute('data-saved', 'relay')
})

test('everything can be done with the keyboard', async ({ enter }) => {
  const { board } = await enter()
  const { page } = board
  const { keyboard } = page
  const focused = page.locator(':focus')
  const spoken = page.getByTestId('announcement')

  await page.getByRole('button', { name: 'Create the first column' }).focus()
  await keyboard.press('Enter')
  await keyboard.type('Doing')
  await keyboard.press('Enter')
  await expect(board.column('Doing')).toBeVisible()

  await page.getByRole('button', { name: 'Add a card to Doing' }).focus()
  await keyboard.press('Enter')
  for (const title of ['Write', 'Read']) {
    await keyboard.type(title)
    await keyboard.press('Enter')
  }
  await keyboard.press('Escape')
  await expect(focused).toHaveAccessibleName('Add a card to Doing')

  await page.getByRole('button', { name: 'Add a column' }).focus()
  await keyboard.press('Enter')
  await keyboard.type('Done')
  await keyboard.press('Enter')
  await keyboard.press('Escape')
  await expect(focused).toHaveAccessibleName('Add a column')

  await board.card('Write').getByRole('button', { name: 'Write', exact: true }).focus()
  await keyboard.press('ArrowDown')
  await expect(focused).toHaveAccessibleName('Read')
  await keyboard.press('Shift+ArrowUp')
  await expect(spoken).toHaveText(/Read moved up to position 1 of 2\./)
  await expect(focused).toHaveAccessibleName('Read')
  await keyboard.press('Shift+ArrowRight')
  await expect(board.column('Done').getByTestId('card')).toHaveText('Read')
  await expect(spoken).toHaveText(/Read moved right to position 1 of 1 in Done\./)
  await expect(focused).toHaveAccessibleName('Read')

  await keyboard.press('Tab')
  await expect(focused).toHaveAccessibleName('Move left')
  await keyboard.press('Enter')
  await expect(board.column('Doing').getByTestId('card')).toHaveText(['Read', 'Write'])
  await expect(focused).toHaveAccessibleName('Read')

  await keyboard.press('F2')
  await keyboard.type('Read aloud')
  await keyboard.press('Enter')
  await expect(focused).toHaveAccessibleName('Read aloud')

  await keyboard.press('Enter')
  await expect(page.getByRole('dialog', { name: 'Read aloud' })).toBeVisible()
  await expect(board.note).toBeFocused()
  await keyboard.type('# Chapter 1')
  await keyboard.press('Escape')
  await expect(board.panel).toBeHidden()
  await expect(focused).toHaveAccessibleName('Read aloud')
  expect((await board.read())[0]!.cards[0]).toMatchObject({ title: 'Read aloud', note: '# Chapter 1' })

  await keyboard.press('Delete')
  await expect(board.card('Read aloud')).toBeHidden()
  await expect(focused).toHaveAccessibleName('Write')
  await page.getByRole('listitem').getByRole('button', { name: 'Undo' }).press('Enter')
  await expect(board.column('Doing').getByTestId('card')).toHaveText(['Read aloud', 'Write'])
  expect((await board.read())[0]!.cards[0]).toMatchObject({ title: 'Read aloud', note: '# Chapter 1' })

  await page.getByRole('button', { name: 'Actions for Doing' }).press('Enter')
  await page.getByRole('menuitem', { name: 'Delete' }).press('Enter')
  await expect(page.getByRole('alertdialog')).toBeVisible()
  await page.getByRole('button', { name: 'Delete column and 2 cards' }).press('Enter')
  await expect(board.columns).toHaveCount(1)
  await expect(focused).toHaveAccessibleName('Done')
})

test('a reload without a network, and one without a relay, show the data', async ({ enter, relay }) => {
  const { board, context } = await enter()
  await board.addExample()
  await board.openCard('Write a note together')
  await board.writeNote('still here')
  await board.isSynced()
  await board.isKeptOnDevice()

  const showsAll = async (): Promise<void> => {
    await expect(board.cards).toHaveCount(6)
    await board.openCard('Write a note together')
    expect(await board.readNote()).toBe('still here')
  }
  await context.setOffline(true)
  await board.page.reload()
  await showsAll()
  await context.setOffline(false)

  await relay.stop('SIGKILL')
  try {
    await board.page.reload()
    await showsAll()
    await board.isLink('waiting')
    await board.writeNote(', and more')
    await expect(board.saving).toHaveAttribute('data-saved', 'device')
  } finally {
    await relay.start()
  }
  await board.isSynced()
  await expect(board.saving).toHaveAttribute('data-saved', 'relay')
})

test('the switch closes the link and opens it again', async ({ enter }) => {
  const [ada, ben] = [await enter(), await enter()]
  await ada.board.addExample()
  await ada.board.isSynced()
  await expect(ben.board.cards).toHaveCount(6)

  await ada.board.page.getByTestId('link-switch').click()
  await ada.board.isLink('off')
  await ada.board.addCard('Next', 'Made without a link')
  await expect(ada.board.saving).toHaveAttribute('data-saved', 'device')
  await expect(ada.board.saving).toHaveAttribute('data-pending', '1')
  await ben.board.addCard('Done', 'Made meanwhile')
  await ben.board.isSynced()
  await expect(ada.board.card('Made meanwhile')).toBeHidden()
  await expect(ben.board.card('Made without a link')).toBeHidden()

  await ada.board.page.getByTestId('link-switch').click()
  await ada.board.isLink('online')
  await ada.board.isSynced()
  await expect(ada.board.saving).toHaveAttribute('data-saved', 'relay')
  const board = await expectEqualBoards(ada.board, ben.board)
  expect(board.flatMap(({ cards }) => cards)).toHaveLength(8)
})

test('people are seen coming, looking at a card, and going', async ({ enter }) => {
  const ada = await enter({ name: 'Ada Lovelace' })
  await ada.board.addExample()
  const people = ada.board.page.getByTestId('people')
  await expect(people).toHaveAccessibleName('Who is here: Ada Lovelace (you)')

  const ben = await enter({ name: 'Ben' })
  await expect(people).toHaveAccessibleName('Who is here: Ada Lovelace (you), Ben')
  await ben.board.openCard('Write a note together')
  await expect(ada.board.card('Write a note together').getByRole('img', { name: 'Looked at by Ben' })).toBeVisible()

  await ben.board.page.getByTestId('people').click()
  await ben.board.page.getByRole('textbox', { name: 'Your name' }).fill('Benjamin')
  await ben.board.page.getByRole('button', { name: 'Save' }).click()
  await expect(people).toHaveAccessibleName('Who is here: Ada Lovelace (you), Benjamin')

  await ben.context.close()
  await expect(people).toHaveAccessibleName('Who is here: Ada Lovelace (you)')
})

test('two tabs of one browser agree without a relay', async ({ enter }) => {
  const ada = await enter({ name: 'Ada' })
  await ada.board.addExample()
  const second = await ada.openTab()
  await ada.board.page.getByTestId('link-switch').click()
  await second.isLink('off')

  await second.addCard('Done', 'From the second tab')
  await expect(ada.board.card('From the second tab')).toBeVisible()
  await Promise.all([ada.board.openCard('Write a note together'), second.openCard('Write a note together')])
  await ada.board.writeNote('one ')
  await expect.poll(() => second.readNote()).toBe('one ')
  await second.writeNote('two')
  const board = await expectEqualBoards(ada.board, second)
  expect(board[0]!.cards[2]!.note).toBe('one two')
})

test('a full note takes no more, says so, and takes what people delete and what others write', async ({ enter }) => {
  const [ada, ben] = [await enter({ name: 'Ada' }), await enter({ name: 'Ben' })]
  await ada.board.addColumn('Todo')
  await ada.board.addCard('Todo', 'Full')
  await ada.board.openCard('Full')
  await ada.board.page.evaluate(() => {
    const { store, cards, note, allColumns } = window.syncline!
    const [column] = store.get(allColumns)
    const [card] = store.get(cards.list(column!))
    store.transact((tx) => tx.set(note(card!), 'x'.repeat(99_990)))
  })
  const { page } = ada.board
  const full = page.getByText('This note is full')
  await expect.poll(async () => (await ada.board.readNote()).length).toBeGreaterThan(0)
  await expect(full).toBeHidden()
  await ada.board.writeNote('0123456789')
  await expect(full).toBeVisible()
  await expect(page.getByText('That does not fit into this note').first()).toBeVisible()
  const end = () =>
    page.evaluate(() => {
      const { store, cards, note, allColumns } = window.syncline!
      const [column] = store.get(allColumns)
      const [card] = store.get(cards.list(column!))
      return store.get(note(card!)).slice(99_985)
    })
  expect(await end()).toBe('xxxxx012345')
  await page.keyboard.press('Backspace')
  await page.keyboard.press('Backspace')
  await expect(full).toBeHidden()
  await page.keyboard.type('ä')
  await expect(full).toBeVisible()
  expect(await end()).toBe('xxxxx0123ä')
  // What Ben wrote meanwhile is there already.
  await ben.board.openCard('Full')
  await expect(ben.board.page.getByText('This note is full')).toBeVisible()
  await ben.board.note.press('Control+Home')
  await ben.board.page.keyboard.press('Delete')
  await expect(ben.board.page.getByText('This note is full')).toBeHidden()
  await expect(full).toBeHidden()
})
