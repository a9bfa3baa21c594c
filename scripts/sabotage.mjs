/**
 * Do the simulations notice? `node scripts/sabotage.mjs [words of a name]` plants one mistake after the other (`sabotages.mjs`) in what the
 * simulations load, leaves the files as they are, and wants a test to fail each time: of the simulation that is known to find it soonest, or else
 * of any. Without any mistake they must pass.
 */
import { mkdirSync, existsSync, readFileSync, rmSync } from 'node:fs'
import process from 'node:process'
import { run } from './children.mjs'
import { cache, tool } from './paths.mjs'
import { sabotages, simulationOf, simulations } from './sabotages.mjs'

/** All simulations take a minute and a half; on a machine that does something else as well they take a multiple of that. */
const timeoutMs = 1_800_000

const words = process.argv.slice(2).join(' ')
const chosen = sabotages.filter(({ name }) => name.includes(words))
if (chosen.length === 0) {
  console.error(
    `No sabotage has "${words}" in its name. There are:\n${sabotages.map(({ name }) => `  ${name}`).join('\n')}`,
  )
  process.exit(2)
}

const honest = await simulate(undefined, simulations)
if (honest.failed.length > 0 || honest.passed === 0) {
  console.error(`Without a sabotage the simulations must pass. They said:\n${honest.output}`)
  process.exit(1)
}

let missed = 0
for (const sabotage of chosen) {
  const { name, foundBy } = sabotage
  const known = await simulate(name, simulationOf(sabotage))
  const { failed, seconds } = known.failed.length > 0 ? known : await simulate(name, simulations)
  if (known.failed.length === 0) console.log(`        not by ${foundBy} (${known.seconds.toFixed(1)} s): ${name}`)
  if (failed.length === 0) missed += 1
  console.log(`${failed.length === 0 ? 'MISSED' : 'caught'}  ${name} (${seconds.toFixed(1)} s)`)
  for (const { title, message } of failed.slice(0, 1)) console.log(`        ${title}\n        ${message}`)
}
console.log(`${chosen.length - missed} caught, ${missed} missed`)
process.exitCode = missed === 0 ? 0 : 1

/** Runs simulations with a sabotage, up to the first test that fails. */
async function simulate(name, where) {
  mkdirSync(cache('results'), { recursive: true })
  const results = cache('results', 'sabotage.json')
  rmSync(results, { force: true })
  const args = ['run', '--project', 'sim-*', '--bail', '1', '--reporter=json', `--outputFile.json=${results}`, where]
  const { output, seconds } = await run(tool('vitest'), args, {
    env: name === undefined ? {} : { SYNCLINE_SABOTAGE: name },
    quiet: true,
    timeoutMs,
  })
  const files = existsSync(results) ? JSON.parse(readFileSync(results, 'utf8')).testResults : []
  const tests = files.flatMap(({ assertionResults }) => assertionResults)
  // Only a test counts that ran and said no: code that does not load proves nothing.
  const failed = tests
    .filter(({ status }) => status === 'failed')
    .map(({ fullName, failureMessages }) => ({ title: fullName, message: failureMessages[0]?.split('\n')[0] ?? '' }))
  return { failed, passed: tests.filter(({ status }) => status === 'passed').length, output, seconds }
}
