/**
 * One sample in a process of its own: `sample.mjs <contender> <workload> <milliseconds>`. Prints the milliseconds of processor time that one
 * merge takes, the least of those that fit, and what came of it.
 */
import { createHash } from 'node:crypto'
import { argv, cpuUsage } from 'node:process'
import { contenders } from './contenders.ts'
import { workloads } from './texts.ts'

const [contender, workload, budget] = argv.slice(2)
const texts = workloads[workload!]!()
const run = contenders[contender!]!
const end = cpuMs() + Number(budget)
const outcome = run(texts)
let least = Infinity
do {
  const start = cpuMs()
  run(texts)
  least = Math.min(least, cpuMs() - start)
} while (cpuMs() < end)
console.log(JSON.stringify({ ms: least, clean: outcome.clean, text: outcome.text && digest(outcome.text) }))

function cpuMs(): number {
  const { user, system } = cpuUsage()
  return (user + system) / 1000
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
