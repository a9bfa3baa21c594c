import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { readBaseline } from '../harness/baseline.mjs'
import { tableIn } from '../harness/tables.mjs'
import { barsOf } from '../relay/bars.mjs'
import { relayTables } from '../relay/tables.mjs'
import { workloads } from '../relay/workloads.mjs'

const folder = join(dirname(dirname(fileURLToPath(import.meta.url))), 'relay')

test('the README shows what was measured last, of every contender under every load', () => {
  const baseline = readBaseline(folder)
  const tables = Object.entries(relayTables(baseline))
  expect(tables.map(([name]) => name)).toEqual([
    'cpu',
    'delays',
    'memory',
    'arrivals',
    'herd',
    'coldStart',
    'beside',
    'recovered',
    'stored',
    'bars',
    'environment',
  ])
  for (const [name, table] of tables) expect(tableIn(join(folder, 'README.md'), name)).toBe(table)
  expect(baseline.rounds).toBeGreaterThanOrEqual(5)
  const contenders = Object.entries(baseline.results).map(([load, of]) => [load, Object.keys(of as object).length])
  // Servers of other kinds are not asked what they do not do.
  const fewer = { document: 5, stalled: 4, beside: 2, storm: 5, 'coming back alike': 3, 'coming back apart': 3 }
  const expected = { ...fewer, herd: 2, 'cold start': 2, acknowledged: 2 } as Readonly<Record<string, number>>
  expect(contenders).toEqual(Object.keys(workloads).map((load) => [load, expected[load] ?? 6]))
  expect(barsOf(baseline).length).toBe(51)
})
