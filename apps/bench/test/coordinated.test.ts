import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { barsOf } from '../coordinated/bars.mjs'
import { coordinatedTables, loads } from '../coordinated/tables.mjs'
import { readBaseline } from '../harness/baseline.mjs'
import { tableIn } from '../harness/tables.mjs'

const folder = join(dirname(dirname(fileURLToPath(import.meta.url))), 'coordinated')

test('the README shows what was measured last, of every server under every load', () => {
  const baseline = readBaseline(folder)
  const tables = Object.entries(coordinatedTables(baseline))
  expect(tables.map(([name]) => name)).toEqual(['decided', 'delays', 'bars', 'environment'])
  for (const [name, table] of tables) expect(tableIn(join(folder, 'README.md'), name)).toBe(table)
  expect(baseline.rounds).toBeGreaterThanOrEqual(5)
  expect(Object.keys(baseline.results)).toEqual(loads.map(({ name }) => name))
  for (const of of Object.values(baseline.results)) {
    expect(Object.keys(of as object)).toEqual(['Syncline', 'Redis', 'PostgreSQL'])
  }
  expect(barsOf(baseline).length).toBe(7)
})
