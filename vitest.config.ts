import { availableParallelism } from 'node:os'
import { playwright } from '@vitest/browser-playwright'
import { defineConfig } from 'vitest/config'
import { chromiumArgs, findChromium } from './scripts/chromium.mjs'
import { executedExamples } from './scripts/examples.mjs'

/** Packages are tested from their sources, so no test waits for a build. */
const conditions = ['@syncline/source']
const isLong = process.env.SYNCLINE_LONG === '1'

const places = '{packages,apps}/*/{test,src}'
const browserTests = [`${places}/**/*.browser.test.{ts,tsx}`, 'demo/{src,test}/**/*.browser.test.{ts,tsx}']
const nodeTests = [
  `${places}/**/*.test.{ts,tsx}`,
  'demo/{src,test}/**/*.test.{ts,tsx}',
  'scripts/test/**/*.test.{ts,mjs}',
]

export default defineConfig({
  test: {
    // By default one core is left alone, which is half of a small machine.
    maxWorkers: availableParallelism(),
    projects: [
      {
        plugins: [executedExamples()],
        resolve: { conditions },
        ssr: { resolve: { conditions, externalConditions: [...conditions, 'node'] } },
        test: {
          name: 'node',
          include: nodeTests,
          exclude: [...browserTests, '**/node_modules/**'],
          environment: 'node',
          setupFiles: ['./scripts/vitest/properties.mjs'],
          testTimeout: isLong ? 600_000 : 20_000,
          hookTimeout: 30_000,
        },
      },
      {
        resolve: { conditions: [...conditions, 'browser', 'module', 'development|production'] },
        test: {
          name: 'browser',
          include: browserTests,
          setupFiles: ['./scripts/vitest/properties.mjs'],
          testTimeout: isLong ? 600_000 : 30_000,
          hookTimeout: 30_000,
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({ launchOptions: { executablePath: findChromium(), args: chromiumArgs } }),
            instances: [{ browser: 'chromium' }],
          },
        },
      },
    ],
  },
})
