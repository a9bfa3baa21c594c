import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { environment, writeBaseline } from '../harness/baseline.mjs'
import { bundleProgram } from '../harness/bundles.mjs'
import { summary } from '../harness/statistics.mjs'
import { writeTables } from '../harness/tables.mjs'
import { textTables } from './tables.mjs'

const ROUNDS = 3
/** The whole trace, and so much of its beginning with `--quick`. */
const ALL_EDITS = 259_778
const QUICK_EDITS = 30_000

/** Measures all contenders on all workloads, in rounds, so that whatever the machine does meanwhile happens to all of them. */
export async function run(folder, { keep, quick, only }) {
  const rounds = ROUNDS
  const cache = join(folder, '..', 'node_modules', '.cache', 'text')
  const outside = ['loro-crdt', '@automerge/automerge']
  const program = await bundleProgram(join(folder, 'sample.ts'), join(cache, 'sample'), outside)
  const list = await import(await bundleProgram(join(folder, 'all.ts'), join(cache, 'all'), outside))
  const racers = list.workloads.flatMap(({ workload, contenders }) =>
    contenders
      .filter((contender) => only === undefined || only.includes(contender))
      .map((contender) => ({ workload, contender, samples: [] })),
  )
  for (let round = 0; round < rounds; round++) {
    for (const racer of racers) racer.samples.push(sampleOf(program, folder, racer, quick))
  }
  const results = {}
  for (const { workload, contender, samples } of racers)
    results[workload] = { ...results[workload], [contender]: summary(samples) }
  const found = { rounds, edits: quick ? QUICK_EDITS : ALL_EDITS, results }
  if (only === undefined) Object.assign(found, { versions: versionsOf(folder), environment: environment() })
  const tables = textTables(found)
  for (const table of Object.values(tables)) console.log(`\n${table}`)
  if (keep) {
    writeBaseline(folder, found)
    writeTables(join(folder, 'README.md'), tables)
  }
}

/** Microseconds, measured in a process of its own. */
function sampleOf(program, folder, { contender, workload }, quick) {
  const trace = join(folder, '../../../third_party/editing-traces/automerge-paper.json.gz')
  const args = ['--expose-gc', program, contender, workload, trace, String(quick ? QUICK_EDITS : ALL_EDITS)]
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${contender} ended with ${status} on ${workload}.\n${stderr}`)
  return JSON.parse(stdout).us
}

/** The exact versions of the others, as they are installed. */
function versionsOf(folder) {
  const others = ['yjs', 'loro-crdt', '@automerge/automerge']
  const manifest = (name) => JSON.parse(readFileSync(join(folder, '../node_modules', name, 'package.json'), 'utf8'))
  return Object.fromEntries(others.map((name) => [name, manifest(name).version]))
}
