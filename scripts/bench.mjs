/**
 * Measures what is asked: `node scripts/bench.mjs <question>`, a folder of apps/bench, whose README says what the options are.
 *
 * Installs what is needed, compiles the relay, and finds the browser of the tests; the rest is `apps/bench/run.mjs`.
 */
import process from 'node:process'
import { install } from './bootstrap.mjs'
import { buildRelay } from './build.mjs'
import { run } from './children.mjs'
import { ensureChromium } from './chromium.mjs'
import { at } from './paths.mjs'

const installed = install()
const CHROMIUM_PATH = await ensureChromium(installed)
await installed
// What has a thread of its own runs compiled.
await buildRelay()
const { code } = await run(process.execPath, [at('apps/bench/run.mjs'), ...process.argv.slice(2)], {
  env: { CHROMIUM_PATH },
})
process.exitCode = code
