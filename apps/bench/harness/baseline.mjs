import { readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'

/** Keeps what was measured. */
export function writeBaseline(folder, found) {
  writeFileSync(join(folder, 'baseline.json'), `${JSON.stringify(found, null, 2)}\n`)
}

export const readBaseline = (folder) => JSON.parse(readFileSync(join(folder, 'baseline.json'), 'utf8'))

/** Where and when something is measured. `more` says what only the measuring knows, as the version of the browser. */
export function environment(more = {}) {
  const cores = cpus()
  return {
    date: new Date().toISOString().slice(0, 10),
    node: process.version,
    ...more,
    platform: `${process.platform} ${process.arch}`,
    cores: cores.length,
    cpu: cores[0]?.model ?? 'unknown',
  }
}
