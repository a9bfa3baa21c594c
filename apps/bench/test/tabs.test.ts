import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { readBaseline } from '../harness/baseline.mjs'
import { tableIn } from '../harness/tables.mjs'
import { barsOf } from '../tabs/bars.mjs'
import { tabsTables } from '../tabs/tables.mjs'

const folder = join(dirname(dirname(fileURLToPath(import.meta.url))), 'tabs')

test('the README shows what was measured last, of every contender', () => {
  const baseline = readBaseline(folder)
  const tables = Object.entries(tabsTables(baseline))
  expect(tables.map(([name]) => name)).toEqual(['seen', 'leaders', 'beside', 'bars', 'environment'])
  for (const [name, table] of tables) expect(tableIn(join(folder, 'README.md'), name)).toBe(table)
  expect(baseline.rounds).toBeGreaterThanOrEqual(5)
  expect(baseline.seen.map(({ tabs }) => tabs)).toEqual([2, 8])
  for (const { results } of baseline.seen) expect(Object.keys(results)).toHaveLength(6)
  for (const { value } of barsOf(baseline)) expect(value).toBeGreaterThan(0)
})
