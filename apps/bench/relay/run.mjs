import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bundleProgram } from '../harness/bundles.mjs'
import { environment, readBaseline, writeBaseline } from '../harness/baseline.mjs'
import { summaries, takeTurns } from '../harness/statistics.mjs'
import { writeTables } from '../harness/tables.mjs'
import { relayTables } from './tables.mjs'
import { versionsOf } from './versions.mjs'
import { workloads } from './workloads.mjs'

const ROUNDS = 5

/** Measures the server of each contender, as a process of its own, under one load after the other, in rounds. The load comes from this process. */
export async function run(folder, { keep, quick, only }) {
  const cache = join(folder, '..', 'node_modules', '.cache', 'relay')
  // The server of y-websocket brings a database along, which it uses only where it is asked to.
  const alias = { 'y-leveldb': join(folder, 'servers/no-database.ts') }
  const program = await bundleProgram(
    join(folder, 'serve.ts'),
    join(cache, 'serve'),
    ['lmdb', 'ws', '@syncline/relay-app/checkpoints'],
    alias,
  )
  const { createLoad, contenders, onlyByName } = await import(
    await bundleProgram(join(folder, 'generator.ts'), join(cache, 'generator'))
  )
  const rounds = quick ? 1 : ROUNDS
  const { date, ...here } = environment()
  const how = only === undefined || keep ? { versions: versionsOf(), environment: here } : {}
  let found = { rounds, results: {}, dates: {}, ...how }
  if (keep) found = besideWhatIsKept(found)
  const usual = contenders.filter((name) => only?.includes(name) || !onlyByName.includes(name))
  for (const [workload, { take, only: able = usual }] of Object.entries(workloads)) {
    if (!isWanted(workload, Object.keys(workloads))) continue
    const names = able.filter((name) => isWanted(name, contenders))
    const samples = Object.fromEntries(names.map((name) => [name, []]))
    await takeTurns(
      names,
      rounds,
      async (name) => {
        console.error(`${workload}: ${name}, ${samples[name].length + 1} of ${rounds}`)
        samples[name].push(await withServer(name, (server) => take(server, createLoad)))
      },
      1,
    )
    found.results[workload] = Object.fromEntries(names.map((name) => [name, summaries(samples[name])]))
    found.dates[workload] = date
    if (keep) write()
  }
  for (const table of Object.values(relayTables(found))) console.log(`\n${table}`)

  /** It takes more than an hour: what is measured is kept load by load, so that nothing is lost when somebody ends it. */
  function write() {
    // In the order of the loads, as the page shows them.
    const inOrder = (all) =>
      Object.fromEntries(Object.keys(workloads).flatMap((name) => (name in all ? [[name, all[name]]] : [])))
    const all = { ...found, results: inOrder(found.results), dates: inOrder(found.dates) }
    writeBaseline(folder, all)
    writeTables(join(folder, 'README.md'), relayTables(all))
  }

  /** What is kept of the other loads stays, if it was measured in the same way: some loads are measured anew, but not some contenders. */
  function besideWhatIsKept(found) {
    if (only?.some((name) => workloads[name] === undefined))
      throw new Error('What is kept of a load is of all contenders, in the same rounds: name loads only.')
    const kept = readBaseline(folder)
    const how = ({ rounds, versions, environment }) => JSON.stringify([rounds, versions, environment])
    if (how(kept) === how(found)) return kept
    if (only === undefined) return found
    throw new Error('What is kept of the others was measured otherwise: keep all loads, or take as many rounds.')
  }

  /** Of loads and contenders those are wanted that are named, or all where none is. */
  function isWanted(name, all) {
    return only === undefined || only.includes(name) || !only.some((wanted) => all.includes(wanted))
  }

  /** Starts the server of a contender, and ends it when it has been measured. */
  async function withServer(name, take) {
    const data = mkdtempSync(join(tmpdir(), 'syncline-bench-'))
    let running = await start(name, data)
    const ask = async (what) => {
      running.child.send(what)
      const [answer] = await once(running.child, 'message')
      return answer
    }
    try {
      return await take({
        name,
        get port() {
          return running.port
        },
        cpuUs: () => ask('cpuUs'),
        memory: () => ask('memory'),
        loopDelayMs: () => ask('loopDelayMs'),
        peakBytes: () => ask('peak'),
        /** Another process, on what this one has stored. */
        async restart() {
          await end(running.child, 'SIGTERM')
          running = await start(name, data)
        },
      })
    } finally {
      await end(running.child, 'SIGKILL')
      rmSync(data, { recursive: true, force: true })
    }
  }

  async function start(name, data) {
    const child = fork(program, [name, data], { execArgv: ['--expose-gc'] })
    const [port] = await Promise.race([
      once(child, 'message'),
      once(child, 'exit').then(([code]) => Promise.reject(new Error(`The server of ${name} ends with ${code}.`))),
    ])
    return { child, port }
  }
}

async function end(child, signal) {
  child.kill(signal)
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}
