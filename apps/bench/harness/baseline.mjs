import { readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'

/** What was measured, with where and when. `more` says what only the measuring knows, as the version of the browser. */
export function writeBaseline(folder, found, more = {}) {
  const environment = { date: new Date().toISOString().slice(0, 10), node: process.version, ...more, ...machine() }
  writeFileSync(join(folder, 'baseline.json'), `${JSON.stringify({ environment, ...found }, null, 2)}\n`)
}

export const readBaseline = (folder) => JSON.parse(readFileSync(join(folder, 'baseline.json'), 'utf8'))

function machine() {
  const cores = cpus()
  return { platform: `${process.platform} ${process.arch}`, cores: cores.length, cpu: cores[0]?.model ?? 'unknown' }
}
