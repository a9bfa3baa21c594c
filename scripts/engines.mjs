import { existsSync } from 'node:fs'
import process from 'node:process'
import { install } from './bootstrap.mjs'
import { buildDemo, buildRelay } from './build.mjs'
import { run } from './children.mjs'
import { Letter } from './letter.mjs'
import { missingOf } from '../demo/engines/programs.mjs'
import { tool } from './paths.mjs'
import { createReport } from './report.mjs'
import { readResults, resultsFile } from './test.mjs'

/** What Debian calls them. */
const packages = {
  firefox: ['firefox-esr'],
  webkit: ['webkit2gtk-driver', 'xvfb'],
}

const names = Object.keys(packages)

/**
 * `npm run test:engines [-- firefox] [-- webkit]`: the tests of the storage and of the socket, and some whole flows, in engines that are not Chromium.
 *
 * An engine that is not here is installed where that is possible, else it counts as skipped, and as failed when it was asked for by name. What an engine
 * cannot run is listed with the reason.
 */
export async function testEngines(asked) {
  const unknown = asked.filter((name) => !names.includes(name))
  if (unknown.length > 0) throw new Letter(`Unknown engine "${unknown[0]}". Choose from: ${names.join(', ')}.`)
  const report = createReport()
  await report.time('install', install)
  report.step('build', await report.time('build', build))
  for (const name of asked.length > 0 ? asked : names) {
    const missing = await report.time(`get ${name}`, () => ensure(name))
    if (missing === undefined) await report.time(name, () => runIn(name, report))
    else if (asked.includes(name)) report.step(name, { code: 1, output: missing })
    else report.skip(name, missing)
  }
  return report.close()
}

async function build() {
  const parts = await Promise.all([buildRelay(), buildDemo()])
  return { code: Math.max(...parts.map(({ code }) => code)), output: parts.map(({ output }) => output).join('\n') }
}

/** Resolves to why the engine cannot be run, or to nothing. */
async function ensure(name) {
  if (whyNot(name) === undefined) return undefined
  const isDebian = existsSync('/etc/debian_version') && existsSync('/usr/bin/apt-get')
  if (process.getuid?.() !== 0 || !isDebian) return `${whyNot(name)} ${advice(name)}`
  console.log(`Installing ${packages[name].join(' and ')} with apt-get …`)
  const options = { env: { DEBIAN_FRONTEND: 'noninteractive' }, quiet: true, timeoutMs: 300_000 }
  await run('apt-get', ['update'], options)
  const installing = await run('apt-get', ['install', '-y', '--no-install-recommends', ...packages[name]], options)
  const still = whyNot(name)
  return still && `${installing.output.trim()}\n${still} ${advice(name)}`
}

const advice = (name) => `On Debian it is in ${packages[name].join(' and ')}.`

function whyNot(name) {
  const missing = missingOf(name)
  return missing.length === 0 ? undefined : `${name} cannot be run here without ${missing.join(', ')}.`
}

async function runIn(name, report) {
  const results = resultsFile(`engine-${name}`)
  const { code } = await run(tool('vitest'), ['run', '--config', 'vitest.engines.config.ts'], {
    env: { SYNCLINE_ENGINE: name, SYNCLINE_RESULTS: results },
    timeoutMs: 900_000,
  })
  report.vitest(name, readResults(results), code)
}
