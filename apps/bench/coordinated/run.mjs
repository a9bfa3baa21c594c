import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { environment, writeBaseline } from '../harness/baseline.mjs'
import { bundleProgram } from '../harness/bundles.mjs'
import { summaries, takeTurns } from '../harness/statistics.mjs'
import { writeTables } from '../harness/tables.mjs'
import { inFolder, serversHere } from './servers.mjs'
import { coordinatedTables, loads } from './tables.mjs'

const ROUNDS = 5

/** Measures each server, as a process of its own, under one load after the other, in rounds, and what the disk gives. The clients are in this process. */
export async function run(folder, { keep, quick, only }) {
  const cache = join(folder, '..', 'node_modules', '.cache', 'coordinated')
  const servers = serversHere(await bundleProgram(join(folder, 'serve.ts'), join(cache, 'serve'), ['lmdb', 'ws']))
  const { measure } = await import(await bundleProgram(join(folder, 'load.ts'), join(cache, 'load'), ['ws']))
  const isWanted = (name) => only === undefined || only.includes(name) || !only.some((one) => one in servers)
  const names = Object.keys(servers).filter(isWanted)
  const rounds = quick ? 1 : ROUNDS
  const fsync = []
  const samples = Object.fromEntries(loads.map(({ name }) => [name, Object.fromEntries(names.map((one) => [one, []]))]))
  for (const load of loads) {
    if (only?.some((one) => loads.some(({ name }) => name === one)) && !only.includes(load.name)) continue
    await takeTurns(
      ['the disk', ...names],
      rounds,
      async (name) => {
        if (name === 'the disk') fsync.push({ perSecond: await inFolder(flushesPerSecond) })
        else samples[load.name][name].push(await servers[name].run((port) => measure(name, port, load)))
      },
      1,
    )
  }
  const found = {
    rounds,
    fsync: summaries(fsync),
    results: Object.fromEntries(
      Object.entries(samples)
        .map(([load, of]) => [
          load,
          Object.fromEntries(
            Object.entries(of)
              .filter(([, taken]) => taken.length > 0)
              .map(([name, taken]) => [name, summaries(taken)]),
          ),
        ])
        .filter(([, of]) => Object.keys(of).length > 0),
    ),
    versions: Object.fromEntries(names.map((name) => [name, servers[name].version])),
    environment: environment(),
  }
  for (const name of ['Redis', 'PostgreSQL']) {
    if (servers[name] === undefined) console.log(`${name} is not measured: none of its programs is in PATH.`)
  }
  const tables = coordinatedTables(found)
  for (const table of Object.values(tables)) console.log(`\n${table}`)
  if (!keep) return
  writeBaseline(folder, found)
  writeTables(join(folder, 'README.md'), tables)
}

/** How many small records can be written one after the other, each flushed before the next. */
function flushesPerSecond(folder) {
  const file = openSync(join(folder, 'records'), 'a')
  const record = Buffer.alloc(256, 1)
  const start = performance.now()
  let count = 0
  try {
    for (; performance.now() - start < 1_000; count++) {
      writeSync(file, record)
      fdatasyncSync(file)
    }
  } finally {
    closeSync(file)
  }
  return (count * 1000) / (performance.now() - start)
}
