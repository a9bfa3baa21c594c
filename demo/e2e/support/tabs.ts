import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type Page } from '@playwright/test'
import { openStoreAt, test as withLab } from './lab.ts'

/**
 * Playwright's `test` with `openTab()`: a tab of one browser, with an open store that no relay hears of. Its profile is on disk: in an ordinary
 * test context IndexedDB lives in memory.
 */
export const test = withLab.extend<{ openTab: () => Promise<Page> }>({
  openTab: async ({ labUrl, space, launchOptions }, use) => {
    const profile = await mkdtemp(join(tmpdir(), 'syncline-profile-'))
    const context = await chromium.launchPersistentContext(profile, launchOptions)
    await use(async () => {
      const page = await context.newPage()
      await openStoreAt(page, labUrl, { space })
      return page
    })
    await context.close()
    await rm(profile, { recursive: true, force: true })
  },
})

export { expect } from '@playwright/test'
