import { availableParallelism } from 'node:os'
import { playwright } from '@vitest/browser-playwright'
import type { Plugin } from 'vite'
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config'
import { chromiumArgs, findChromium } from './scripts/chromium.mjs'
import { executedExamples } from './scripts/examples.mjs'
import { bundled } from './scripts/vitest/bundled.mjs'
import { LongestFirst } from './scripts/vitest/longest-first.mjs'
import { sabotage } from './scripts/vitest/sabotage.mjs'

/** Packages are tested from their sources, so no test waits for a build. */
const conditions = ['@syncline/source']
const isLong = process.env.SYNCLINE_LONG === '1'

const places = '{packages,apps}/*/{test,src}'
const browserTests = [`${places}/**/*.browser.test.{ts,tsx}`, 'demo/{src,test}/**/*.browser.test.{ts,tsx}']
/** Whole systems, seeded: a part of its own, for they take as long as all the others. */
const simulations = ['packages/*/test/**/*.sim.test.ts']
/** Those of them that open stores by the thousands and do a little with each. The others do much with a few. */
const schedules = ['packages/testing/test/simulate/*.sim.test.ts']
const nodeTests = [
  `${places}/**/*.test.{ts,tsx}`,
  'demo/{src,test}/**/*.test.{ts,tsx}',
  'scripts/test/**/*.test.{ts,mjs}',
]

/** What runs in Node. */
const inNode = (
  name: string,
  include: string[],
  exclude: string[],
  {
    plugins = [],
    execArgv = [],
    setupFiles = [],
    globalSetup = [],
  }: Partial<Record<'execArgv' | 'setupFiles' | 'globalSetup', string[]>> & { plugins?: Plugin[] } = {},
): TestProjectInlineConfiguration => ({
  plugins: [executedExamples(), sabotage(), ...plugins],
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: [...conditions, 'node'] } },
  test: {
    name,
    include,
    exclude: [...exclude, '**/node_modules/**'],
    environment: 'node',
    // Files share the modules of their worker: to load them anew for each took a quarter of the time of all tests. No module of ours keeps
    // anything, and what a test changes outside it puts back.
    isolate: false,
    // Histories are many objects that live for a moment: with room for the young ones, collecting them takes a tenth less of all the time. And each
    // core has a worker of its own, so threads that collect beside it only get in the way of the others.
    execArgv: ['--max-semi-space-size=64', '--min-semi-space-size=64', '--single-threaded-gc', ...execArgv],
    setupFiles: ['./scripts/vitest/properties.mjs', ...setupFiles],
    globalSetup,
    testTimeout: isLong ? 600_000 : 60_000,
    hookTimeout: 30_000,
  },
})

/** A simulation, with what V8 is told beside what it is told for all tests. */
const simulated = (
  name: string,
  include: string[],
  exclude: string[],
  ...execArgv: string[]
): TestProjectInlineConfiguration =>
  inNode(name, include, exclude, {
    plugins: [bundled([sabotage()], [...conditions, 'node'])],
    setupFiles: ['./scripts/vitest/microtasks.mjs'],
    globalSetup: ['./scripts/vitest/counted.mjs'],
    execArgv,
  })

export default defineConfig({
  test: {
    // By default one core is left alone, which is half of a small machine.
    maxWorkers: availableParallelism(),
    sequence: { sequencer: LongestFirst },
    projects: [
      inNode('node', nodeTests, [...browserTests, ...simulations]),
      // What optimized code saves them is less than what it costs to make, unless it waits until it is asked for fifteen times as often as by default.
      simulated('sim-schedules', schedules, [], '--interrupt-budget=1000000'),
      // Of what is run so often V8 may note from the first time on with what it is called: that is a twentieth of their time.
      simulated('sim-histories', simulations, schedules, '--no-lazy-feedback-allocation'),
      {
        resolve: { conditions: [...conditions, 'browser', 'module', 'development|production'] },
        // Whichever files are run, what all of them import is bundled before the first: to find more of it later loads the tests anew, and they fail.
        optimizeDeps: { entries: browserTests, include: ['vitest-browser-react'] },
        test: {
          name: 'browser',
          include: browserTests,
          // Two browsers beside each other, each with storage of its own: tests that wait for time to pass leave room. It is not taken over from above.
          maxWorkers: availableParallelism(),
          setupFiles: ['./scripts/vitest/properties.mjs', './scripts/vitest/one-task.mjs'],
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
