import { defineConfig } from 'vitest/config'
import { notRun } from './demo/engines/not-run.ts'
import { asked as engine, openNamed } from './demo/engines/open.ts'
import { inEngine } from './demo/engines/provider.ts'
import { LongestFirst } from './scripts/vitest/longest-first.mjs'

/** Packages are tested from their sources, so no test waits for a build. */
const conditions = ['@syncline/source']

const results = process.env.SYNCLINE_RESULTS

/** What `npm run test:engines` runs, once for each engine; see scripts/engines.mjs. Nothing of it is in `npm test`. */
export default defineConfig({
  test: {
    reporters: results === undefined ? ['default', notRun] : ['default', ['json', { outputFile: results }], notRun],
    // Two browsers at once on a small machine find each other in the way.
    maxWorkers: 1,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        resolve: { conditions: [...conditions, 'browser', 'module', 'development|production'] },
        test: {
          name: 'engine',
          include: ['packages/{idb,websocket}/test/**/*.browser.test.ts'],
          setupFiles: ['./scripts/vitest/properties.mjs'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          browser: {
            enabled: true,
            screenshotFailures: false,
            provider: inEngine(engine, () => openNamed(engine)),
            instances: [{ browser: engine }],
          },
        },
      },
      {
        resolve: { conditions },
        ssr: { resolve: { conditions, externalConditions: [...conditions, 'node'] } },
        test: {
          name: `pages (${engine})`,
          include: ['demo/engines/**/*.engine.test.ts'],
          environment: 'node',
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
})
