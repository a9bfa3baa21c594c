import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { readBaseline } from '../harness/baseline.mjs'
import { tableIn } from '../harness/tables.mjs'
import { barsOf } from '../relay/bars.mjs'
import { relayTables } from '../relay/tables.mjs'

const folder = join(dirname(dirname(fileURLToPath(import.meta.url))), 'relay')

test('the README shows what was measured last, of every contender under every load', () => {
  const baseline = readBaseline(folder)
  const tables = Object.entries(relayTables(baseline))
  expect(tables.map(([name]) => name)).toEqual(['cpu', 'delays', 'memory', 'stored', 'bars', 'environment'])
  for (const [name, table] of tables) expect(tableIn(join(folder, 'README.md'), name)).toBe(table)
  expect(baseline.rounds).toBeGreaterThanOrEqual(5)
  const contenders = Object.values(baseline.results).map((of) => Object.keys(of as object).length)
  expect(contenders).toEqual([5, 5, 5, 5, 5, 5, 5, 5, 5, 2])
  expect(barsOf(baseline).length).toBe(26)
})
