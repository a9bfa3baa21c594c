/**
 * One sample in a process of its own: `sample.mjs <contender> <workload> <milliseconds>`. Prints the milliseconds of processor time that one
 * merge takes, the least of those that fit, and what came of it.
 */
import { createHash } from 'node:crypto'
import { argv, cpuUsage } from 'node:process'
import { contenders } from './contenders.ts'
import { workloads } from './texts.ts'

/** So long code runs before it is measured. */
const WARM_MS = 500

const [contender, workload, budget] = argv.slice(2)
const texts = workloads[workload!]!()
const run = contenders[contender!]!
// Whatever the length of the texts, what is measured is code that has run for a while: one merge of the longest would be over before that.
const warm = workloads['2,000 lines of code, 10 edits on each side']!()
for (const end = cpuMs() + WARM_MS; cpuMs() < end;) run(warm)
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
