import { defineConfig } from '@playwright/test'
import { chromiumArgs, findChromium } from './scripts/chromium.mjs'

const results = process.env.SYNCLINE_RESULTS
const isTraced = process.env.SYNCLINE_TRACE === '1'

/** There is no webServer here: each worker starts its own relay on a free port, see demo/e2e/support/relay.ts. */
export default defineConfig({
  testDir: 'demo/e2e',
  globalSetup: './demo/e2e/support/build-lab.ts',
  outputDir: 'test-results',
  fullyParallel: true,
  forbidOnly: true,
  // The cores of a small machine. A third one makes all of them slower: 150 seconds instead of 130.
  workers: 2,
  timeout: 45_000,
  expect: { timeout: 10_000 },
  reporter: results ? [['list'], ['json', { outputFile: results }]] : [['list']],
  use: {
    // A trace nearly doubles the work of a test, so it is made when somebody looks for a fault. Playwright cannot record video with a
    // system browser: that needs a download of its own.
    trace: isTraced ? 'retain-on-failure' : 'off',
    // Playwright takes one of each page that a test closes, also of one that passes, and a tab in the background needs a second for it.
    screenshot: isTraced ? 'only-on-failure' : 'off',
    // As somebody sees it who wants no motion: nothing has to come to rest before it can be clicked, and less is painted.
    contextOptions: { reducedMotion: 'reduce' },
    launchOptions: { executablePath: findChromium(), args: chromiumArgs },
  },
})
