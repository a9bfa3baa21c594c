import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { readBaseline } from '../harness/baseline.mjs'
import { tableIn } from '../harness/tables.mjs'
import { barsOf } from '../durable/bars.mjs'
import { durableTables } from '../durable/tables.mjs'

const folder = join(dirname(dirname(fileURLToPath(import.meta.url))), 'durable')

test('the README shows what was measured last, of every contender', () => {
  const baseline = readBaseline(folder)
  const tables = Object.entries(durableTables(baseline))
  expect(tables.map(([name]) => name)).toEqual(['durable', 'compaction', 'bars', 'environment'])
  for (const [name, table] of tables) expect(tableIn(join(folder, 'README.md'), name)).toBe(table)
  expect(baseline.rounds).toBeGreaterThanOrEqual(5)
  // Of who is in memory only nothing is stored; who is quick is asked for more, and who has texts to type.
  expect(
    Object.values(baseline.results)
      .map((measured) => Object.keys(measured as object).length)
      .sort((a, b) => a - b),
  ).toEqual([2, 2, 3, 3, 3, 3, 4, 4, 5])
  for (const { value } of barsOf(baseline)) expect(value).toBeGreaterThan(0)
})
