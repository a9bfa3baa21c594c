import { environment, writeBaseline } from '../harness/baseline.mjs'
import { writeTables } from '../harness/tables.mjs'
import { measure, measureParts, measureStoreParts, promises } from './measure.mjs'
import { limitsTable, sizeTables } from './tables.mjs'

/** Measures every promise, keeps what was found, and renews the tables made of it. */
export async function run(folder, { keep }) {
  const sizes = {}
  for (const name of Object.keys(promises)) sizes[name] = await measure(name)
  const found = {
    environment: environment(),
    sizes,
    packages: await measureParts('registers'),
    store: await measureStoreParts(),
  }
  const tables = sizeTables(promises, found)
  for (const table of Object.values(tables)) console.log(`\n${table}`)
  if (!keep) return
  writeBaseline(folder, found)
  writeTables(`${folder}/README.md`, tables)
  writeTables(`${folder}/../../../README.md`, { size: limitsTable(promises) })
}
