import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContext, chromium, test as base } from '@playwright/test'
import { openRelay, type TestRelay } from './relay.ts'
import { serveLab } from './serve-lab.ts'

/** What the tests of one worker share; each is made when the first test asks for it. */
export interface WorkerFixtures {
  /** A relay that keeps its address and its data. Each test uses a space of its own. */
  readonly relay: TestRelay
  /** Where the page of `e2e/lab` is. */
  readonly labUrl: string
  /** A browser with its profile on disk: in an ordinary test context IndexedDB lives in memory. */
  readonly browserOnDisk: BrowserContext
}

/**
 * Playwright's `test` with all that lives as long as a worker. They are declared in one place because Playwright starts new workers for tests
 * that declare others: three seconds each.
 */
export const test = base.extend<{ baseURL: string }, WorkerFixtures>({
  relay: [
    // Playwright reads the fixtures from the pattern; this one needs none.
    // oxlint-disable-next-line no-empty-pattern
    async ({}, use) => {
      const dataFolder = await mkdtemp(join(tmpdir(), 'syncline-e2e-'))
      const relay = await openRelay(dataFolder)
      await relay.start()
      await use(relay)
      await relay.stop()
      await rm(dataFolder, { recursive: true, force: true })
    },
    { scope: 'worker' },
  ],

  labUrl: [
    // oxlint-disable-next-line no-empty-pattern
    async ({}, use) => {
      const served = await serveLab()
      await use(served.url)
      await served.close()
    },
    { scope: 'worker' },
  ],

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

  baseURL: async ({ relay }, use) => use(relay.url),
})

export { expect } from '@playwright/test'
