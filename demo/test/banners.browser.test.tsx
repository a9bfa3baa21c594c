import { StoreError, type Problem, type Status, type StorageState, type StoreErrorCode } from '@syncline/store'
import { expect, test } from 'vitest'
import { page, userEvent } from 'vitest/browser'
import { Banners } from '../src/saving/Banners.tsx'
import { Saving } from '../src/saving/Saving.tsx'
import { openBoardHere, sayingOf, show } from './stage.tsx'

const forDevelopers = 'verifyDatabase() of @syncline/idb/care lists them.'
const banner = page.getByTestId('banner')

const failing = (storage: StorageState, code: StoreErrorCode = 'storage-failed'): Partial<Status> => ({
  storage,
  storageError: new StoreError(code, forDevelopers),
})
const linked = (code: string): Partial<Status> => ({
  link: 'waiting',
  problem: { code, message: forDevelopers } satisfies Problem,
})

/** By what the status says: the button that helps, and whether it is enough to have read it. */
const table: readonly (readonly [name: string, Partial<Status>, button: string, isClosable: boolean])[] = [
  ['blocked', failing('blocked'), 'Save a copy', false],
  ['quota', failing('quota'), 'Save a copy', false],
  ['lost', failing('lost'), 'Reload', false],
  ['degraded', failing('degraded'), 'Reload', false],
  ['degraded by newer code', failing('degraded', 'storage-newer'), 'Reload', false],
  ['evicted now', failing('evicted', 'storage-evicted'), 'Reload', false],
  ['evicted before', failing('evicted', 'storage-cleared'), 'Take in a copy', true],
  ['damaged', failing('damaged'), 'Repair', true],
  ['memory-only', failing('memory-only'), 'Save a copy', true],
  ['taken over by newer code', failing('memory-only', 'storage-newer'), 'Reload', false],
  ['another log', linked('epoch-changed'), 'Start over on this device', false],
  ['newer Change', linked('newer-change'), 'Reload', false],
  ['another protocol', linked('protocol-version'), 'Reload', false],
  ['forbidden', linked('forbidden'), 'Try now', false],
  ['unauthenticated', linked('unauthenticated'), 'Try now', false],
  ['full relay', linked('storage-failed'), 'Try now', false],
  ['signed out', linked('signed-out'), 'Reload', false],
]

test.for(table)('a banner for %s has the one button that helps, and says the rest to those who ask', async (row) => {
  const [, status, button, isClosable] = row
  const { store } = sayingOf(await openBoardHere(), status)
  await show(store, <Banners />)
  await expect.element(banner.getByText(forDevelopers)).not.toBeVisible()
  const buttons = banner.getByRole('button').elements()
  expect(buttons.map((each) => each.textContent.trim() || each.ariaLabel)).toEqual(
    isClosable ? [button, 'Close'] : [button],
  )
  // By keyboard: the details come before the buttons.
  await userEvent.keyboard('{Tab}')
  await userEvent.keyboard('{Enter}')
  await expect.element(banner.getByText(forDevelopers)).toBeVisible()
  await userEvent.keyboard('{Tab}')
  expect(document.activeElement).toBe(buttons[0])
})

test('nothing is shown where nothing is wrong, nor while it is over by itself', async () => {
  const saying = sayingOf(await openBoardHere(), { storage: 'saving', ...linked('unreachable') })
  await show(saying.store, <Banners />)
  expect(banner.elements()).toEqual([])
  saying.say(failing('quota'))
  await expect.element(banner).toHaveTextContent('This device is full')
  saying.say({})
  await expect.element(banner).not.toBeInTheDocument()
})

test('one that only tells is closed by keyboard; where saving is shown it is still said, and what comes again is shown again', async () => {
  const saying = sayingOf(await openBoardHere(), failing('damaged'))
  await show(
    saying.store,
    <>
      <Saving />
      <Banners />
    </>,
  )
  banner.getByRole('button', { name: 'Close' }).element().focus()
  await userEvent.keyboard('{Enter}')
  await expect.element(banner).not.toBeInTheDocument()
  const indicator = page.getByTestId('saving')
  expect(document.activeElement).toBe(indicator.element())
  await expect.element(indicator).toHaveAccessibleName(/Needs attention/)
  await userEvent.keyboard('{Enter}')
  const told = page.getByTestId('told')
  await expect.element(told).toHaveTextContent('is damaged')
  await expect.element(told.getByRole('button', { name: 'Repair' })).toBeVisible()
  await userEvent.keyboard('{Escape}')
  saying.say({})
  await expect.element(indicator).not.toHaveAccessibleName(/Needs attention/)
  saying.say(failing('damaged'))
  await expect.element(banner).toHaveTextContent('is damaged')
})

test.for(['unreachable', 'no-answer', 'stopping', 'clock-ahead', 'of-a-later-version'])(
  'a link that is away for %s is explained where it is shown, with the way to try at once',
  async (code) => {
    const { store } = sayingOf(await openBoardHere(), { ...linked(code), retryAtMs: Date.now() + 60_000 })
    await show(store, <Saving />)
    await page.getByTestId('saving').click()
    const told = page.getByTestId('told')
    await expect.element(told.getByRole('button')).toHaveTextContent('Try now')
    await expect.element(told.getByText(forDevelopers)).not.toBeVisible()
    told.getByText('Details').element().focus()
    await userEvent.keyboard('{Enter}')
    await expect.element(told.getByText(forDevelopers)).toBeVisible()
  },
)
