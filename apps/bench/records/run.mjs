import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { environment, writeBaseline } from '../harness/baseline.mjs'
import { bundleProgram } from '../harness/bundles.mjs'
import { summary } from '../harness/statistics.mjs'
import { writeTables } from '../harness/tables.mjs'
import { recordTables } from './tables.mjs'

const ROUNDS = 5
/** So long a sample repeats itself where a contender is fast enough; a slow one does it once. */
const SAMPLE_MS = 1_500
/** A contender that takes longer than this for a sample is not waited for; one that takes a third of it is measured once. */
const LIMIT_MS = 60_000

/** They bring WebAssembly, which stays the file that it is. */
const PEERS = ['yjs', 'loro-crdt', '@automerge/automerge', 'tinybase']

/** Measures all contenders on all workloads, in rounds, so that whatever the machine does meanwhile happens to all of them. */
export async function run(folder, { keep, quick, only }) {
  const rounds = quick ? 1 : ROUNDS
  const cache = join(folder, '..', 'node_modules', '.cache', 'records')
  const program = await bundleProgram(join(folder, 'sample.ts'), join(cache, 'sample'), PEERS)
  const racers = able(program).flatMap(([workload, names]) =>
    names
      .filter((name) => only === undefined || only.includes(name) || only.includes(workload))
      .map((name) => ({ workload, name, samples: [], isSlow: false })),
  )
  for (let round = 0; round < rounds; round++) {
    for (const racer of racers) {
      if (racer.isSlow) continue
      const start = performance.now()
      const sample = sampleOf(program, racer)
      racer.isSlow = performance.now() - start > LIMIT_MS / 3
      if (sample !== undefined) racer.samples.push(sample)
    }
  }
  const found = { rounds, results: resultsOf(racers) }
  if (only === undefined) Object.assign(found, { versions: versionsIn(folder), environment: environment() })
  const tables = recordTables(found)
  for (const table of Object.values(tables)) console.log(`\n${table}`)
  if (keep) {
    writeBaseline(folder, found)
    writeTables(join(folder, 'README.md'), tables)
  }
}

/** The workloads, each with the names of those that can do it. */
function able(program) {
  const { stdout, stderr, status } = spawnSync(process.execPath, [program, '--list'], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`The samples cannot be run: ${stderr}`)
  return JSON.parse(stdout)
}

/** A sample in a process of its own; undefined when it takes too long. What it says is wrong ends the run. */
function sampleOf(program, { name, workload }) {
  const args = ['--expose-gc', '--max-old-space-size=4096', program, name, workload, String(SAMPLE_MS)]
  const { stdout, stderr, status, error } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: LIMIT_MS })
  if (error?.code === 'ETIMEDOUT') return undefined
  if (status !== 0) throw new Error(`${name} ended with ${status} on ${workload}: ${stderr}`)
  return JSON.parse(stdout)
}

function resultsOf(racers) {
  const results = {}
  for (const { workload, name, samples } of racers) {
    const measures = Object.keys(samples[0] ?? {})
    const measured = Object.fromEntries(measures.map((what) => [what, summary(samples.map((sample) => sample[what]))]))
    results[workload] = { ...results[workload], [name]: samples.length === 0 ? { tooSlow: true } : measured }
  }
  return results
}

function versionsIn(folder) {
  return Object.fromEntries(
    PEERS.map((name) => {
      const file = join(folder, '..', 'node_modules', name, 'package.json')
      return [name, JSON.parse(readFileSync(file, 'utf8')).version]
    }),
  )
}
