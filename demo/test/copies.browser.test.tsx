import { deleteDatabase } from '@syncline/idb'
import { verifyDatabase } from '@syncline/idb/care'
import { StoreError, type Store } from '@syncline/store'
import { expect, onTestFinished, test, vi } from 'vitest'
import { page, userEvent } from 'vitest/browser'
import { readBoard } from '../src/board/content.ts'
import { addColumn, addCard, deleteCard } from '../src/board/edits.ts'
import { cards, columns, note } from '../src/board/schema.ts'
import { description } from '../src/description/description.ts'
import { copyOf, takeIn } from '../src/saving/copies.ts'
import { SaveCopy, TakeInCopy } from '../src/saving/Copies.tsx'
import { databaseOf } from '../src/shell/opening.ts'
import { openBoardHere, sayingOf, show } from './stage.tsx'

/** Two columns, and two cards with all that a card can have. */
async function fill(store: Store): Promise<void> {
  store.transact((tx) => {
    addColumn(tx, 'next', 'Next')
    addColumn(tx, 'done', 'Done')
    addCard(tx, 'a', 'next', 'Plan')
    addCard(tx, 'b', 'next', 'Pack')
    tx.patch(cards.at('b'), { done: true })
    tx.add(cards.at('b'), 3, 'votes')
    tx.insert(note('b'), 0, 'the good camera')
    tx.set(description('b'), 'What to take along.\n')
  })
  await store.durable()
}

/** A copy as it is made where the storage cannot give one. */
async function plainCopyOf(store: Store): Promise<File> {
  const file = await copyOf(sayingOf(store, { storage: 'quota' }).store)
  expect(file.name).toMatch(/\.json$/)
  return file
}

/** Closes a board, forgets what is here of it, and opens it again. */
async function startOver(store: Store): Promise<Store> {
  await store.close()
  await deleteDatabase(databaseOf(store.space))
  return openBoardHere(store.space)
}

for (const [kind, copy] of [
  ['a backup', copyOf],
  ['what is shown', plainCopyOf],
] as const) {
  test(`a copy that is ${kind} brings the board back where nothing is left, and nothing twice`, async () => {
    const store = await openBoardHere()
    await fill(store)
    const before = readBoard(store)
    const file = await copy(store)
    const again = await startOver(store)
    expect(readBoard(again)).toMatchObject({ columns: [], cardsWithoutColumn: [] })
    expect(await takeIn(again, file)).toEqual({ outcome: 'added', isWhole: true })
    await vi.waitFor(() => expect(readBoard(again)).toEqual(before))
    expect(await takeIn(again, file)).toEqual({ outcome: 'known', isWhole: true })
    expect(readBoard(again)).toEqual(before)
  })

  test(`a copy that is ${kind} merges with what was done since`, async () => {
    const store = await openBoardHere()
    await fill(store)
    const file = await copy(store)
    store.transact((tx) => {
      tx.patch(cards.at('a'), { title: 'Plan it anew' })
      tx.insert(note('a'), 0, 'new')
      addCard(tx, 'c', 'done', 'Sleep')
    })
    await store.durable()
    await takeIn(store, file)
    await store.durable()
    const { columns: its } = readBoard(store)
    expect(its).toMatchObject([
      { title: 'Next', cards: [{ title: 'Plan it anew', note: 'new' }, { votes: 3 }] },
      { title: 'Done', cards: [{ title: 'Sleep' }] },
    ])
  })
}

test('what was deleted since comes back from a copy of what was shown, with the votes that it had', async () => {
  const store = await openBoardHere()
  await fill(store)
  const file = await plainCopyOf(store)
  const before = readBoard(store)
  store.transact((tx) => deleteCard(tx, 'b'))
  expect(await takeIn(store, file)).toEqual({ outcome: 'added', isWhole: true })
  expect(readBoard(store)).toEqual(before)
})

test('a card without a column comes along', async () => {
  const store = await openBoardHere()
  await fill(store)
  store.transact((tx) => tx.delete(columns.at('next')))
  const file = await plainCopyOf(store)
  const again = await startOver(store)
  await takeIn(again, file)
  expect(
    readBoard(again)
      .cardsWithoutColumn.map(({ id }) => id)
      .toSorted(),
  ).toEqual(['a', 'b'])
})

test('a copy is a backup as long as the storage has all that is shown', async () => {
  const store = await openBoardHere()
  await fill(store)
  const nameFor = async (...said: Parameters<typeof sayingOf>[1][]) => {
    const { name } = await copyOf(sayingOf(store, said[0]).store)
    return name.slice(name.lastIndexOf('.'))
  }
  for (const storage of ['ok', 'saving', 'damaged'] as const) expect(await nameFor({ storage })).toBe('.syncline')
  for (const storage of ['blocked', 'quota', 'lost', 'degraded', 'memory-only'] as const) {
    expect(await nameFor({ storage })).toBe('.json')
  }
  const evicted = (code: 'storage-cleared' | 'storage-evicted') =>
    nameFor({ storage: 'evicted', storageError: new StoreError(code, 'It is gone.') })
  expect([await evicted('storage-cleared'), await evicted('storage-evicted')]).toEqual(['.syncline', '.json'])
})

/** What somebody sees who chooses a file. */
async function choose(store: Store, file: File): Promise<void> {
  await show(store, <TakeInCopy />)
  await userEvent.upload(page.getByLabelText('A copy of this board'), file)
}

test('a copy of another board is not taken in, and the way there is shown', async () => {
  const other = await openBoardHere()
  await fill(other)
  const files = [await copyOf(other), await plainCopyOf(other)]
  const store = await openBoardHere()
  for (const file of files) {
    expect(await takeIn(store, file)).toEqual({ outcome: 'other-board', space: other.space })
  }
  expect(readBoard(store)).toMatchObject({ columns: [], cardsWithoutColumn: [] })
  expect((await verifyDatabase(databaseOf(store.space))).spaces).toEqual([])
  await choose(store, files[0]!)
  await expect.element(page.getByText(`This is a copy of another board, “${other.space}”`)).toBeVisible()
  await expect.element(page.getByRole('button', { name: 'Go there' })).toBeVisible()
})

test.for([
  ['nothing', ''],
  ['a text', 'Dear Ada,'],
  ['data of something else', '{"space": 3}'],
  ['half of a copy', '{"space": "board", "columns": [{"id": "a"'],
  ['a card that is none', '{"space": "board", "columns": [], "cardsWithoutColumn": [{"id": 1}]}'],
])('a file with %s is no copy, and that is said', async ([, content]) => {
  const store = await openBoardHere()
  await choose(store, new File([content!], 'letter.json'))
  await expect.element(page.getByText('This file is no copy of a board.', { exact: false }).first()).toBeVisible()
  expect(readBoard(store)).toMatchObject({ columns: [], cardsWithoutColumn: [] })
})

test('of a copy that is damaged all else is taken in, and that is said', async () => {
  const store = await openBoardHere()
  await fill(store)
  const bytes = new Uint8Array(await (await copyOf(store)).arrayBuffer())
  const again = await startOver(store)
  await choose(again, new File([bytes.subarray(0, bytes.length - 3)], 'board.syncline'))
  await expect.element(page.getByText('Some of the file is damaged, and was left out.').first()).toBeVisible()
  await vi.waitFor(() => expect(readBoard(again).columns).toHaveLength(2))
})

test('a copy is offered as a file, by keyboard', async () => {
  const store = await openBoardHere()
  await fill(store)
  const offered: string[] = []
  const click = vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(function (this: HTMLAnchorElement) {
    offered.push(this.download)
  })
  onTestFinished(() => click.mockRestore())
  await show(store, <SaveCopy />)
  await userEvent.keyboard('{Tab}')
  await userEvent.keyboard('{Enter}')
  await expect.element(page.getByTestId('announcement')).toHaveTextContent('A copy of the board was saved.')
  expect(offered).toEqual([expect.stringMatching(new RegExp(`^${store.space} \\d{4}-\\d\\d-\\d\\d\\.syncline$`))])
})
