import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { readBaseline } from '../harness/baseline.mjs'
import { tableIn } from '../harness/tables.mjs'
import { barsOf } from '../cold-start/bars.mjs'
import { startTables } from '../cold-start/tables.mjs'

const folder = join(dirname(dirname(fileURLToPath(import.meta.url))), 'cold-start')

test('the README shows what was measured last, of every contender', () => {
  const baseline = readBaseline(folder)
  const tables = Object.entries(startTables(baseline))
  expect(tables.map(([name]) => name)).toEqual(['start', 'blocks', 'growth', 'bars', 'environment'])
  for (const [name, table] of tables) expect(tableIn(join(folder, 'README.md'), name)).toBe(table)
  expect(baseline.rounds).toBeGreaterThanOrEqual(5)
  for (const { results } of baseline.sizes) expect(Object.keys(results)).toHaveLength(10)
  for (const { value } of barsOf(baseline)) expect(value).toBeGreaterThan(0)
})
