/**
 * Lets two browsers type a whole traced conversation through a relay: `node scripts/replay.mjs`.
 *
 * It is the end-to-end test `trace.spec.ts` on all transactions of the trace, which `npm test` replays the start of.
 */
import process from 'node:process'
import { install } from './bootstrap.mjs'
import { buildDemo, buildRelay } from './build.mjs'
import { run } from './children.mjs'
import { ensureChromium } from './chromium.mjs'
import { tool } from './paths.mjs'

const browser = await ensureChromium(install())
for (const { code, output } of [await buildRelay(), await buildDemo()]) {
  if (code === 0) continue
  console.error(output.trimEnd())
  process.exit(code)
}
const env = { SYNCLINE_LONG: '1', CHROMIUM_PATH: browser }
const { code } = await run(tool('playwright'), ['test', 'trace.spec.ts'], { env, timeoutMs: 3600_000 })
process.exitCode = code
