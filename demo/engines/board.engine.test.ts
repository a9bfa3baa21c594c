import { expect, test } from 'vitest'
import { click, type Engine, keys, type Tab, type, until } from './engine.ts'
import type {} from '../src/debug.ts'
import { asked, openNamed } from './open.ts'
import { stage } from './stage.ts'

const here = stage()

const titles = (tab: Tab): Promise<readonly string[]> =>
  tab.evaluate(() => {
    const { store, cards, columns, allColumns } = window.syncline!
    return store.get(allColumns).flatMap((id) => [
      `[${store.get(columns.at(id))?.title}]`,
      // In a list, so it exists.
      ...store.get(cards.list(id)).map((card) => store.get(cards.at(card))!.title),
    ])
  })

const untilCard = (tab: Tab, title: string): Promise<void> =>
  until(
    tab,
    (it) => Array.from(document.querySelectorAll('[data-testid=card]')).some((card) => card.textContent?.includes(it)),
    title,
  )

const untilColumns = (tab: Tab): Promise<void> =>
  until(tab, (count) => document.querySelectorAll('[data-testid=column]').length === count, 3)

/** Waits until everything done here is on the relay. */
const isSynced = (tab: Tab): Promise<void> => tab.evaluate(() => window.syncline!.store.synced())

async function enter(engine: Engine): Promise<Tab> {
  const tab = await engine.openTab(`${here.relay.url}/?space=engines-${asked}`)
  await until(tab, () => document.querySelector('[data-testid=saving]') !== null, undefined)
  return tab
}

async function addCard(tab: Tab, column: string, title: string): Promise<void> {
  await click(tab, 'button', `Add a card to ${column}`)
  await type(tab, `${title}${keys.enter}${keys.escape}`)
  await untilCard(tab, title)
}

test('two people work on a board: cards, a note, without the relay, and after a reload', async () => {
  const ada = await enter(here.engine)
  await click(ada, 'button', 'Start with an example')
  await untilColumns(ada)
  const columns = (await titles(ada)).filter((each) => each.startsWith('[')).map((each) => each.slice(1, -1))
  await addCard(ada, columns[0]!, 'Made by Ada')
  await isSynced(ada)

  const other = await openNamed(asked)
  try {
    const bob = await enter(other)
    await untilCard(bob, 'Made by Ada')
    await addCard(bob, columns[1]!, 'Made by Bob')
    await untilCard(ada, 'Made by Bob')

    await click(ada, '[data-testid=card] button', 'Made by Bob')
    await until(ada, () => document.activeElement?.classList.contains('cm-content') === true, undefined)
    await type(ada, 'A note from Ada')
    await until(
      bob,
      () => {
        const { store, cards, allColumns, note } = window.syncline!
        const all = store.get(allColumns).flatMap((id) => store.get(cards.list(id)))
        return all.some((id) => store.get(note(id)).includes('A note from Ada'))
      },
      undefined,
    )
    await type(ada, keys.escape)

    // Both go on without the relay, and are equal when it is back.
    await here.relay.stop()
    await addCard(ada, columns[2]!, 'Made alone by Ada')
    await addCard(bob, columns[2]!, 'Made alone by Bob')
    const saved = (tab: Tab): Promise<string | undefined> =>
      tab.evaluate(() => document.querySelector<HTMLElement>('[data-testid=saving]')?.dataset['saved'])
    await expect.poll(() => saved(ada), { timeout: 5000 }).toBe('device')
    await here.relay.start()
    await untilCard(ada, 'Made alone by Bob')
    await untilCard(bob, 'Made alone by Ada')
    await Promise.all([isSynced(ada), isSynced(bob)])
    const content = await titles(ada)
    expect(await titles(bob)).toEqual(content)

    await ada.goto(`${here.relay.url}/?space=engines-${asked}`)
    await untilColumns(ada)
    expect(await titles(ada)).toEqual(content)
  } finally {
    await other.close()
  }
})
