import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { install } from './bootstrap.mjs'
import { buildDemo, buildRelay } from './build.mjs'
import { run } from './children.mjs'
import { ensureChromium } from './chromium.mjs'
import { at, cache, tool } from './paths.mjs'
import { createReport } from './report.mjs'

/**
 * Everything `npm test` proves, in order of what is fastest to fail:
 * static (format, lint, types, graph, unused code, build), unit, simulator, browser, e2e.
 *
 * A part that fails does not hide the next ones; the exit code and the last line sum them all up.
 */
export async function test() {
  const report = createReport()
  const installed = report.time('install', install)
  // Chromium may take a minute to arrive on a fresh machine, so it arrives while everything else runs.
  const chromium = settle(ensureChromium(installed))
  await installed

  await report.time('static', () => staticPart(report, { build: true }))
  await report.time('unit', () => vitest(report, 'node'))
  await report.time('simulator', () => vitest(report, 'sim-*'))

  await withBrowser(report, chromium, async (env) => {
    await report.time('browser', () => vitest(report, 'browser', { env }))
    await report.time('e2e', () => playwright(report, { env }))
  })
  return report.close()
}

/** `npm run verify`: the static and unit part, for the minute before a commit. */
export async function verify() {
  const report = createReport()
  await report.time('install', install)
  await report.time('static', () => staticPart(report, { build: false }))
  await report.time('unit', () => vitest(report, 'node'))
  return report.close()
}

/** `npm run test:long`: unit and property tests with many more runs, and the end-to-end tests on whole inputs, for the night. */
export async function testLong() {
  const report = createReport()
  const installed = report.time('install', install)
  const chromium = settle(ensureChromium(installed))
  await installed
  const env = { SYNCLINE_LONG: '1' }
  report.step('build', await report.time('build', () => built(buildRelay(), buildDemo())))
  await report.time('unit', () => vitest(report, 'node', { env, timeoutMs: 3 * 3600_000 }))
  await report.time('simulator', () => vitest(report, 'sim-*', { env, timeoutMs: 3 * 3600_000 }))
  const planted = run(process.execPath, [at('scripts/sabotage.mjs')], { timeoutMs: 3600_000 })
  report.step('sabotages', await report.time('sabotages', () => planted))
  await withBrowser(report, chromium, (browser) =>
    report.time('e2e', () => playwright(report, { env: { ...env, ...browser }, timeoutMs: 3600_000 })),
  )
  return report.close()
}

/** Runs what needs a browser, or reports that there is none. */
async function withBrowser(report, chromium, body) {
  const browser = await report.time('chromium', () => chromium)
  if (browser.error) {
    report.step('chromium', { code: 1, output: browser.error.letter ?? String(browser.error) })
  } else {
    await body({ CHROMIUM_PATH: browser.value })
  }
}

async function staticPart(report, { build }) {
  const quiet = { quiet: true, timeoutMs: 180_000 }
  // Several checkers of one project work out the same types again; on a small machine, beside lint, that is only more work.
  const compiled = run(tool('tsc'), ['-b', '--checkers', '1'], quiet)
  const steps = {
    format: run(tool('oxfmt'), ['--check'], quiet),
    lint: run(tool('oxlint'), ['--type-aware'], quiet),
    types: compiled,
    graph: run(process.execPath, [at('scripts/graph.mjs')], quiet),
    unused: run(tool('knip'), ['--no-progress'], quiet),
    // The relay after the types: two compilers at once would write the same files. The demo is built from the sources.
    ...(build && { build: built(compiled.then(buildRelay), buildDemo()) }),
  }
  for (const [name, step] of Object.entries(steps)) report.step(name, await step)
}

/** One step out of several builds. */
async function built(...builds) {
  const parts = await Promise.all(builds)
  return { code: Math.max(...parts.map(({ code }) => code)), output: parts.map(({ output }) => output).join('\n') }
}

/** Runs the tests of a project of vitest, or of all whose names begin so: `sim-*`. */
async function vitest(report, project, { env, timeoutMs = 600_000 } = {}) {
  const part = project.replace('-*', '')
  const results = resultsFile(part)
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${results}`]
  const args = ['run', '--project', project, '--passWithNoTests', ...reporters]
  const { code } = await run(tool('vitest'), args, { env, timeoutMs })
  report.vitest(part, readResults(results), code)
}

async function playwright(report, { env, timeoutMs = 600_000 }) {
  if (!hasFiles(at('demo/e2e'), '.spec.ts')) return
  const results = resultsFile('e2e')
  const { code } = await run(tool('playwright'), ['test'], {
    env: { ...env, SYNCLINE_RESULTS: results },
    timeoutMs,
  })
  report.playwright(readResults(results), code)
}

/** Where a runner writes its results; what is there is removed. */
export function resultsFile(name) {
  mkdirSync(cache('results'), { recursive: true })
  const file = cache('results', `${name}.json`)
  // A run that dies early must not be summed up from the last one's results.
  rmSync(file, { force: true })
  return file
}

/** What a runner has written, if it has. */
export const readResults = (file) => (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined)

function hasFiles(folder, suffix) {
  if (!existsSync(folder)) return false
  return readdirSync(folder, { withFileTypes: true }).some((entry) =>
    entry.isDirectory() ? hasFiles(join(folder, entry.name), suffix) : entry.name.endsWith(suffix),
  )
}

/** A promise that is awaited later may fail before anyone listens; this one never rejects. */
const settle = (promise) =>
  promise.then(
    (value) => ({ value }),
    (error) => ({ error }),
  )
