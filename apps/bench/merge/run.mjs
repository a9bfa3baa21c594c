import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { environment, writeBaseline } from '../harness/baseline.mjs'
import { bundleProgram } from '../harness/bundles.mjs'
import { summary } from '../harness/statistics.mjs'
import { writeTables } from '../harness/tables.mjs'
import { gitVersion, openGit } from './git.mjs'
import { mergeTables } from './tables.mjs'

const ROUNDS = 7
/** So much processor time a sample takes where a contender is fast enough; a slow one merges twice. */
const SAMPLE_MS = 500
/** A contender that takes longer than this for a sample is not waited for. */
const LIMIT_MS = 20_000

const OURS = 'Syncline'
const GIT = 'git merge-file'

/** Measures all contenders on all workloads, in rounds, so that whatever the machine does meanwhile happens to all of them. */
export async function run(folder, { keep, quick, only }) {
  const rounds = quick ? 2 : ROUNDS
  const cache = join(folder, '..', 'node_modules', '.cache', 'merge')
  const program = await bundleProgram(join(folder, 'sample.ts'), join(cache, 'sample'))
  const { workloads } = await import(await bundleProgram(join(folder, 'texts.ts'), join(cache, 'texts')))
  const version = gitVersion()
  const git = openGit()
  const names = [OURS, 'node-diff3', ...(version === undefined ? [] : [GIT])]
  const racers = Object.keys(workloads).flatMap((workload) =>
    names.map((contender) => ({ workload, contender, samples: [], outcome: undefined })),
  )
  try {
    for (let round = 0; round < rounds; round++) {
      for (const racer of racers) {
        if ((only !== undefined && !only.includes(racer.contender)) || racer.outcome === 'too slow') continue
        const sample = racer.contender === GIT ? git.sample(workloads[racer.workload]()) : sampleOf(program, racer)
        racer.outcome = sample === undefined ? 'too slow' : { clean: sample.clean, text: sample.text }
        if (sample !== undefined) racer.samples.push(sample.ms)
      }
    }
  } finally {
    git.close()
  }
  const results = resultsOf(racers)
  checkOutcomes(results)
  const found = { rounds, results }
  if (only === undefined) {
    const { version: other } = JSON.parse(
      readFileSync(join(folder, '..', 'node_modules/node-diff3/package.json'), 'utf8'),
    )
    Object.assign(found, { versions: { 'node-diff3': other, git: version ?? 'none' }, environment: environment() })
  }
  const tables = mergeTables(found)
  for (const table of Object.values(tables)) console.log(`\n${table}`)
  if (keep) {
    writeBaseline(folder, found)
    writeTables(join(folder, 'README.md'), tables)
  }
}

/** A sample in a process of its own; undefined when it takes too long. */
function sampleOf(program, { contender, workload }) {
  const args = ['--max-old-space-size=2048', program, contender, workload, String(SAMPLE_MS)]
  const timeout = contender === OURS ? undefined : LIMIT_MS
  const { stdout, status } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout })
  if (status !== 0 && contender !== OURS) return undefined
  if (status !== 0) throw new Error(`${contender} ended with ${status} on ${workload}.`)
  return JSON.parse(stdout)
}

function resultsOf(racers) {
  const results = {}
  for (const { workload, contender, samples, outcome } of racers) {
    if (outcome === undefined) continue
    const measured = outcome === 'too slow' ? { tooSlow: true } : { ...summary(samples), ...outcome }
    results[workload] = { ...results[workload], [contender]: measured }
  }
  return results
}

/** What is fast and wrong is not measured: ours must be what git makes of it. */
function checkOutcomes(results) {
  for (const [workload, { [OURS]: ours, [GIT]: git }] of Object.entries(results)) {
    if (ours === undefined || git === undefined) continue
    if (ours.clean !== git.clean || ours.text !== git.text) throw new Error(`Another merge than git's: ${workload}.`)
  }
}
