import { StoreError, type Store } from '@syncline/store'
import { verifyDatabase } from '@syncline/idb/care'
import { useEffect } from 'react'
import { expect, test, vi } from 'vitest'
import { page, userEvent } from 'vitest/browser'
import { addColumn } from '../src/board/edits.ts'
import { Banners } from '../src/saving/Banners.tsx'
import { useReload } from '../src/saving/Reload.tsx'
import { OpenFailed } from '../src/shell/OpenFailed.tsx'
import { databaseOf } from '../src/shell/opening.ts'
import { openBoardHere, sayingOf, show } from './stage.tsx'

test('repairing sets aside what cannot be read, says so, and closes the banner', async () => {
  const store = await openBoardHere()
  store.transact((tx) => addColumn(tx, 'a', 'One'))
  await store.durable()
  store.transact((tx) => addColumn(tx, 'b', 'Two'))
  await store.close()
  await damage(store)
  const again = await openBoardHere(store.space)
  await show(again, <Banners />)
  const banner = page.getByTestId('banner')
  await expect.element(banner).toHaveTextContent('Some of the copy on this device is damaged')
  await banner.getByRole('button', { name: 'Repair' }).click()
  await expect.element(page.getByText('Repaired:', { exact: false }).first()).toBeVisible()
  await expect.element(banner).not.toBeInTheDocument()
  expect(await verifyDatabase(databaseOf(store.space))).toMatchObject({ damaged: [], aside: [{}] })
})

/** Puts something else in the place of the first entry. */
async function damage({ space }: Store): Promise<void> {
  const database = await new Promise<IDBDatabase>((resolve, reject) => {
    const request = indexedDB.open(`syncline:${databaseOf(space)}`)
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error!)
  })
  const transaction = database.transaction('entries', 'readwrite')
  transaction.objectStore('entries').put({ position: 1, space, entry: 'text' })
  await new Promise((resolve) => (transaction.oncomplete = resolve))
  database.close()
}

/** Asks for a reload at once. */
function Wanting({ how }: { readonly how: () => void }) {
  const reload = useReload()
  useEffect(() => reload(how), [reload, how])
  return null
}

const question = page.getByRole('alertdialog')

test('a reload that loses nothing is done at once', async () => {
  for (const status of [
    { saved: 'device', pending: 2 },
    { saved: 'relay', pending: 0 },
  ] as const) {
    const how = vi.fn<() => void>()
    await show(sayingOf(await openBoardHere(), status).store, <Wanting how={how} />)
    await vi.waitFor(() => expect(how).toHaveBeenCalledTimes(1))
    expect(question.elements()).toEqual([])
  }
})

test('a reload waits until what is in this tab only is on the relay, says how much that is, and happens once', async () => {
  const how = vi.fn<() => void>()
  const saying = sayingOf(await openBoardHere(), { saved: 'memory', atRisk: 3, link: 'online' })
  await show(saying.store, <Wanting how={how} />)
  await expect.element(question).toHaveTextContent('3 changes not sent yet')
  await expect.element(question).toHaveTextContent('are being sent')
  saying.say({ saved: 'memory', atRisk: 1, link: 'online' })
  await expect.element(question).toHaveTextContent('1 change not sent yet')
  expect(how).not.toHaveBeenCalled()
  saying.say({ saved: 'relay', atRisk: 0, link: 'online' })
  await expect.element(question).not.toBeInTheDocument()
  saying.say({ saved: 'memory', atRisk: 1, link: 'online' })
  saying.say({ saved: 'relay', atRisk: 0, link: 'online' })
  expect(how).toHaveBeenCalledTimes(1)
})

test.for([
  ['off', 'Switch the link on'],
  ['waiting', 'Try to send now'],
] as const)(
  'while the link is %s a reload offers to send, to save a copy, or to go without',
  async ([link, button]) => {
    const how = vi.fn<() => void>()
    const store = await openBoardHere()
    const connect = vi.spyOn(store, 'connect').mockImplementation(() => undefined)
    const status = { saved: 'memory', atRisk: 1, link } as const
    await show(sayingOf(store, status).store, <Wanting how={how} />)
    await expect.element(question).toHaveTextContent('there is no link to the relay')
    await expect.element(question.getByRole('button', { name: 'Save a copy' })).toBeVisible()
    await question.getByRole('button', { name: button }).click()
    expect(connect).toHaveBeenCalledTimes(1)
    expect(how).not.toHaveBeenCalled()
    await question.getByRole('button', { name: 'Reload and lose them' }).click()
    expect(how).toHaveBeenCalledTimes(1)
  },
)

test('a reload that is called off does not happen when all is sent', async () => {
  const how = vi.fn<() => void>()
  const saying = sayingOf(await openBoardHere(), { saved: 'memory', atRisk: 1 })
  await show(saying.store, <Wanting how={how} />)
  await expect.element(question).toBeVisible()
  await userEvent.keyboard('{Escape}')
  await expect.element(question).not.toBeInTheDocument()
  saying.say({ saved: 'relay', atRisk: 0 })
  expect(how).not.toHaveBeenCalled()
})

test.for([
  ['storage-blocked', 'Another tab is in the way', 'Try again'],
  ['storage-failed', 'This device cannot open its storage', 'Try again'],
  ['storage-newer', 'This device has a newer version of the app', 'Reload'],
  ['invalid-space', 'This address names no board', 'Open the first board'],
  ['closed', 'The board cannot be opened', 'Try again'],
] as const)('a board that cannot be opened for %s says what helps, and the rest to those who ask', async (row) => {
  const [code, title, button] = row
  const message = 'Close it with store.close().'
  const store = await openBoardHere()
  await show(store, <OpenFailed error={new StoreError(code, message)} onRetry={() => undefined} />)
  await expect.element(page.getByRole('heading', { name: title })).toBeVisible()
  await expect.element(page.getByText(message)).not.toBeVisible()
  const buttons = page.getByTestId('open-failed').getByRole('button').elements()
  expect(buttons.map((each) => each.textContent.trim())).toEqual([button])
  expect(document.activeElement).toBe(buttons[0])
  await userEvent.keyboard('{Tab}')
  await userEvent.keyboard('{Enter}')
  await expect.element(page.getByText(message)).toBeVisible()
})

test('a board that could not be opened is tried again by keyboard', async () => {
  const retry = vi.fn<() => void>()
  await show(await openBoardHere(), <OpenFailed error={new Error('No.')} onRetry={retry} />)
  await userEvent.keyboard('{Enter}')
  expect(retry).toHaveBeenCalledTimes(1)
})
