import { type BrowserContext, expect, type Locator, type Page } from '@playwright/test'
import type { SynclineDebug } from '../src/debug.ts'
import { openProxy, type Proxy } from './proxy.ts'
import { test as base } from './support/worker.ts'

declare global {
  interface Window {
    /** Set by the demo, see src/debug.ts. */
    syncline?: SynclineDebug
  }
}

/** One person: a browser context of their own, so nothing is shared with others but what the relay carries. */
export interface PersonAtBoard {
  readonly context: BrowserContext
  /** Their first tab. */
  readonly board: BoardPage
  /** Opens another tab of the same browser on the same board. */
  openTab(): Promise<BoardPage>
}

export interface PersonOptions {
  /** Where the page comes from: the relay unless a proxy is named. */
  readonly via?: { readonly url: string }
  /** What the others see; a random name otherwise. */
  readonly name?: string
}

/**
 * Playwright's `test` with
 * - `relay`: one for each worker, with `start()` and `stop('SIGKILL')`; it keeps its address and its data;
 * - `space`: a space of this test's own;
 * - `relayProxy`: a pipe to the relay that can be cut and mended;
 * - `enter(options)`: brings a person to the board and waits until it is open.
 */
export const test = base.extend<{
  space: string
  relayProxy: Proxy
  enter: (options?: PersonOptions) => Promise<PersonAtBoard>
}>({
  // Playwright reads the fixtures from the pattern; this one needs none.
  // oxlint-disable-next-line no-empty-pattern
  space: async ({}, use, info) => use(`t${info.testId.replaceAll(/[^A-Za-z0-9]/g, '')}r${info.retry}`),

  relayProxy: async ({ relay }, use) => {
    const proxy = await openProxy(relay.url)
    await use(proxy)
    await proxy.close()
  },

  enter: async ({ browser, relay, space }, use) => {
    const contexts: BrowserContext[] = []
    await use(async ({ via = relay, name } = {}) => {
      const context = await browser.newContext()
      contexts.push(context)
      if (name !== undefined) await context.addInitScript(rememberPerson, name)
      const openTab = async (): Promise<BoardPage> => {
        const board = new BoardPage(await context.newPage())
        await board.page.goto(`${via.url}/?space=${space}`)
        await board.isOpen()
        return board
      }
      return { context, board: await openTab(), openTab }
    })
    await Promise.all(contexts.map((context) => context.close()))
  },
})

export { expect }

/** Runs in the page, before the app: this browser has given itself a name before. */
function rememberPerson(name: string): void {
  const key = 'syncline-demo:person'
  if (localStorage.getItem(key) !== null) return
  localStorage.setItem(key, JSON.stringify({ id: `test-${name}`, name, color: '#1668b8' }))
}

/** One tab on the board, in the words of somebody who uses it. */
export class BoardPage {
  readonly page: Page

  constructor(page: Page) {
    this.page = page
  }

  get cards(): Locator {
    return this.page.getByTestId('card')
  }

  get columns(): Locator {
    return this.page.getByTestId('column')
  }

  /** The indicator of saving and link; its data attributes hold the state. */
  get saving(): Locator {
    return this.page.getByTestId('saving')
  }

  /** The text of the open note. */
  get note(): Locator {
    return this.page.locator('.cm-content')
  }

  get panel(): Locator {
    return this.page.getByTestId('panel')
  }

  column(title: string): Locator {
    return this.page.getByRole('region', { name: title, exact: true })
  }

  card(title: string): Locator {
    return this.cards.filter({ has: this.page.getByRole('button', { name: title, exact: true }) })
  }

  async isOpen(): Promise<void> {
    await expect(this.saving).toBeVisible()
  }

  /** Waits until everything done here is on the relay. */
  async isSynced(): Promise<void> {
    await this.page.evaluate(() => window.syncline!.store.synced())
  }

  async isLink(state: 'online' | 'waiting' | 'off' | 'connecting' | 'catching-up'): Promise<void> {
    await expect(this.saving).toHaveAttribute('data-link', state)
  }

  async addExample(): Promise<void> {
    await this.page.getByRole('button', { name: 'Start with an example' }).click()
    await expect(this.columns).toHaveCount(3)
  }

  async addColumn(title: string): Promise<void> {
    await this.page.getByRole('button', { name: /Add a column|Create the first column/ }).click()
    await this.page.keyboard.type(title)
    await this.page.keyboard.press('Enter')
    await this.page.keyboard.press('Escape')
    await expect(this.column(title)).toBeVisible()
  }

  async addCard(column: string, title: string): Promise<void> {
    await this.page.getByRole('button', { name: `Add a card to ${column}`, exact: true }).click()
    await this.page.keyboard.type(title)
    await this.page.keyboard.press('Enter')
    await this.page.keyboard.press('Escape')
    await expect(this.card(title)).toBeVisible()
  }

  async renameCard(from: string, to: string): Promise<void> {
    await this.card(from).getByRole('button', { name: from, exact: true }).press('F2')
    await this.page.getByRole('textbox', { name: 'Title of the card' }).fill(to)
    await this.page.keyboard.press('Enter')
    await expect(this.card(to)).toBeVisible()
  }

  /** Opens the card and waits until its note can be written. */
  async openCard(title: string): Promise<void> {
    await this.card(title).getByRole('button', { name: title, exact: true }).click()
    await expect(this.note).toBeFocused()
  }

  async closeCard(): Promise<void> {
    await this.page.keyboard.press('Escape')
    await expect(this.panel).toBeHidden()
  }

  /** Writes at the end of the open note. */
  async writeNote(text: string): Promise<void> {
    await this.note.press('Control+End')
    await this.page.keyboard.type(text)
  }

  /** The open note as it is shown, without the names of others at their cursors. */
  async readNote(): Promise<string> {
    return this.note.evaluate((content) => {
      const shown = content.cloneNode(true) as Element
      for (const extra of shown.querySelectorAll('.cm-ySelectionCaret, .cm-placeholder, .cm-widgetBuffer'))
        extra.remove()
      return Array.from(shown.querySelectorAll('.cm-line'), (line) => line.textContent).join('\n')
    })
  }

  /** The whole board with all notes, as data: equal on two pages when they show the same. */
  async read(): Promise<BoardContent> {
    return this.page.evaluate(() => {
      const { store, cards, columns, allColumns, note } = window.syncline!
      const { snapshot } = store
      return snapshot.get(allColumns).map((id) => ({
        title: snapshot.get(columns.at(id))?.title ?? '',
        cards: snapshot.get(cards.list(id)).map((cardId) => {
          // In a list, so it exists.
          const { title, done, votes } = snapshot.get(cards.at(cardId))!
          return { title, done, votes, note: snapshot.get(note(cardId)) }
        }),
      }))
    })
  }

  /** Waits until the service worker is in charge of this page. */
  async isKeptOnDevice(): Promise<void> {
    await this.page.evaluate(async () => {
      await navigator.serviceWorker.ready
      if (navigator.serviceWorker.controller) return
      await new Promise((resolve) =>
        navigator.serviceWorker.addEventListener('controllerchange', resolve, { once: true }),
      )
    })
  }
}

export type BoardContent = readonly {
  readonly title: string
  readonly cards: readonly {
    readonly title: string
    readonly done: boolean
    readonly votes: number
    readonly note: string
  }[]
}[]

/** Waits until all pages hold the same board, and returns it. */
export async function expectEqualBoards(...boards: readonly BoardPage[]): Promise<BoardContent> {
  let contents: readonly BoardContent[] = []
  await expect(async () => {
    contents = await Promise.all(boards.map((board) => board.read()))
    for (const content of contents) expect(content).toEqual(contents[0])
  }).toPass({ timeout: 15_000 })
  return contents[0]!
}
