/**
 * One sample in a process of its own: `sample.mjs <contender> <workload> <trace file> <most edits>`. Prints the microseconds of processor time that
 * one edit, or one load, takes.
 */
import { argv, cpuUsage } from 'node:process'
import { contenders } from './contenders/index.ts'
import { readTrace } from './trace.ts'
import { measure, type Workload } from './workloads.ts'

const [name, workload, file, most] = argv.slice(2)
const contender = contenders.find((one) => one.name === name)
if (contender === undefined) throw new Error(`There is no contender ${name}.`)
const trace = readTrace(file!, Number(most))
// The program that starts this one names workloads that there are.
const us = await measure(contender, workload as Workload, trace, async (body) => {
  globalThis.gc?.()
  const start = cpuUs()
  await body()
  return cpuUs() - start
})
console.log(JSON.stringify({ us }))

function cpuUs(): number {
  const { user, system } = cpuUsage()
  return user + system
}
