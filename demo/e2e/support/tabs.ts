import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContext, chromium, type Page } from '@playwright/test'
import { openStoreAt, test as withLab } from './lab.ts'

/**
 * Playwright's `test` with
 * - `browserOnDisk`: one for each worker, with its profile on disk: in an ordinary test context IndexedDB lives in memory;
 * - `openTab()`: a tab of it, with an open store that no relay hears of. Tests share the browser and have spaces of their own.
 */
export const test = withLab.extend<{ openTab: () => Promise<Page> }, { browserOnDisk: BrowserContext }>({
  browserOnDisk: [
    async ({ launchOptions }, use) => {
      const profile = await mkdtemp(join(tmpdir(), 'syncline-profile-'))
      const context = await chromium.launchPersistentContext(profile, launchOptions)
      await use(context)
      await context.close()
      await rm(profile, { recursive: true, force: true })
    },
    { scope: 'worker' },
  ],

  openTab: async ({ browserOnDisk, labUrl, space }, use) => {
    const pages: Page[] = []
    await use(async () => {
      const page = await browserOnDisk.newPage()
      pages.push(page)
      await openStoreAt(page, labUrl, { space })
      return page
    })
    await Promise.all(pages.map((page) => page.close()))
  },
})

export { expect } from '@playwright/test'
