import type { Browser, BrowserContext, Page } from '@playwright/test'
import { test as withBoard } from '../fixtures.ts'
import type { LabOptions } from '../lab/main.ts'
import { layWire, type Wire, type WireOptions } from './wire.ts'

/** One page with a store, and how it is connected. */
export interface LabPage {
  readonly page: Page
  readonly context: BrowserContext
  readonly wire: Wire
  /** Loads the page again and opens the same store. */
  reload(): Promise<void>
}

export interface LabPageOptions extends WireOptions {
  /** Whose browser; a fresh one otherwise. */
  readonly context?: BrowserContext
  readonly space?: string
}

/** Playwright's `test` with `openLab(options)`: a page of `e2e/lab` with an open store, behind a wire of its own. */
export const test = withBoard.extend<{ openLab: (options?: LabPageOptions) => Promise<LabPage> }>({
  openLab: async ({ browser, relay, labUrl, space: ownSpace }, use) => {
    const contexts: BrowserContext[] = []
    const wires: Wire[] = []
    await use(async ({ context: shared, space = ownSpace, ...options } = {}) => {
      const context = shared ?? (await newContext(browser, contexts))
      const wire = await layWire(relay.url, options)
      wires.push(wire)
      const page = await context.newPage()
      const reload = () => openStoreAt(page, labUrl, { space, relay: wire.url })
      await reload()
      return { page, context, wire, reload }
    })
    await Promise.all(contexts.map((context) => context.close()))
    await Promise.all(wires.map((wire) => wire.close()))
  },
})

export { expect } from '@playwright/test'

/** Loads the lab in a page and opens a store there. */
export async function openStoreAt(page: Page, labUrl: string, options: LabOptions): Promise<void> {
  await page.goto(labUrl)
  await page.evaluate((it) => lab.open(it), options)
}

async function newContext(browser: Browser, opened: BrowserContext[]): Promise<BrowserContext> {
  const context = await browser.newContext()
  opened.push(context)
  return context
}
