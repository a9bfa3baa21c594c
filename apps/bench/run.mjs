/**
 * Answers one question: `node apps/bench/run.mjs <question>`, a folder beside this file.
 *
 * Prints the tables. With `--keep` it also writes them into the READMEs, and what they were made of into the `baseline.json` of the question.
 */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('.', import.meta.url))
const questions = readdirSync(here).filter((name) => existsSync(join(here, name, 'run.mjs')))
const [question, ...options] = process.argv.slice(2)

if (!questions.includes(question) || options.some((option) => !['--keep', '--quick'].includes(option))) {
  console.error(`Usage: node apps/bench/run.mjs <${questions.join(' | ')}> [--keep] [--quick]`)
  process.exitCode = 1
} else {
  const { run } = await import(`./${question}/run.mjs`)
  await run(join(here, question), { keep: options.includes('--keep'), quick: options.includes('--quick') })
}
