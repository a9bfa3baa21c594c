/**
 * One sample in a process of its own: `sample.mjs <contender> <workload> <milliseconds>`. Prints what was measured, the least of the repetitions
 * that fit; with `--list` which contenders run in which workloads.
 */
import { argv, cpuUsage } from 'node:process'
import { contenders } from './contenders/index.ts'
import { workloads, type Outcome } from './workloads.ts'

const [name, workload, budget] = argv.slice(2)
if (name === '--list') {
  const able = Object.entries(workloads).map(([what, { needs }]) => [
    what,
    contenders.filter(({ lacks = [] }) => !needs.some((need) => lacks.includes(need))).map((one) => one.name),
  ])
  console.log(JSON.stringify(able))
} else {
  const contender = contenders.find((one) => one.name === name)!
  const end = performance.now() + Number(budget)
  let least: Outcome | undefined
  do {
    const outcome = await workloads[workload!]!.run(contender, timed)
    least = Object.fromEntries(
      Object.entries(outcome).map(([what, value]) => [what, Math.min(value, least?.[what] ?? Infinity)]),
    )
  } while (performance.now() < end)
  console.log(JSON.stringify(least))
}

/** Processor time, so that whatever else the machine does counts little. */
async function timed(work: () => unknown): Promise<number> {
  ;(globalThis as { readonly gc?: () => void }).gc?.()
  const start = cpuUsage()
  await work()
  const { user, system } = cpuUsage(start)
  return (user + system) / 1000
}
