/**
 * Answers one question: a folder beside this file. Run as `node scripts/bench.mjs <question>`, which knows where the browser is.
 *
 * Prints the tables: of fewer rounds with `--quick`, of some contenders with `--only`. With `--keep` it also writes them into the READMEs,
 * and what they were made of into the `baseline.json` of the question; that takes a whole run on a quiet machine, but where the question can keep a part.
 */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('.', import.meta.url))
const questions = readdirSync(here).filter((name) => existsSync(join(here, name, 'run.mjs')))
/** It takes an hour, and what it measures of one load has nothing to do with the others. */
const KEEPS_PARTS = 'relay'
const [question, ...options] = process.argv.slice(2)
const only = options.find((option) => option.startsWith('--only='))?.slice('--only='.length)

if (
  !questions.includes(question) ||
  options.some((option) => !/^--(keep|quick|only=.+)$/.test(option)) ||
  (options.includes('--keep') && (options.includes('--quick') || (only !== undefined && question !== KEEPS_PARTS)))
) {
  console.error(
    `Usage: node scripts/bench.mjs <${questions.join(' | ')}> [--keep | --quick --only=name,name]; of relay also --keep --only=load,load`,
  )
  process.exitCode = 1
} else {
  const { run } = await import(`./${question}/run.mjs`)
  await run(join(here, question), {
    keep: options.includes('--keep'),
    quick: options.includes('--quick'),
    only: only?.split(','),
  })
}
