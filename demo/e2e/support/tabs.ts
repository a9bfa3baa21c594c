import type { Page } from '@playwright/test'
import { openStoreAt, test as withLab } from './lab.ts'

/**
 * Playwright's `test` with `openTab()`: a tab of the browser on disk, with an open store that no relay hears of. Tests share that browser and have
 * spaces of their own.
 */
export const test = withLab.extend<{ openTab: () => Promise<Page> }>({
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
