import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { readBaseline } from '../harness/baseline.mjs'
import { tableIn } from '../harness/tables.mjs'
import type { Contender, Replica } from '../records/contender.ts'
import { contenders } from '../records/contenders/index.ts'
import { rowsOf, type Row } from '../records/rows.ts'
import { recordTables } from '../records/tables.mjs'
import { workloads } from '../records/workloads.ts'

const folder = join(dirname(dirname(fileURLToPath(import.meta.url))), 'records')

test('the README shows what was measured last, of every workload and contender', () => {
  const baseline = readBaseline(folder)
  const tables = Object.entries(recordTables(baseline))
  expect(tables.map(([name]) => name)).toEqual(['records', 'bars', 'environment'])
  for (const [name, table] of tables) expect(tableIn(join(folder, 'README.md'), name)).toBe(table)
  expect(Object.keys(baseline.results)).toEqual(Object.keys(workloads))
  for (const [name, { needs }] of Object.entries(workloads)) {
    const able = contenders.filter(({ lacks = [] }) => !needs.some((need) => lacks.includes(need)))
    expect(Object.keys(baseline.results[name])).toEqual(able.map((contender) => contender.name))
  }
})

/** By id: not everybody keeps an order. */
function rowsIn(replica: Replica): readonly Row[] {
  const rows: Row[] = []
  replica.eachRow((row) => rows.push(row))
  return rows.sort((a, b) => (a.id < b.id ? -1 : 1))
}

const able = ({ lacks = [] }: Contender): boolean => !lacks.includes('apply')

test.each(contenders.filter(able).map((contender) => [contender.name, contender] as const))(
  '%s writes, sends, stores and merges',
  async (_, contender) => {
    const one = await contender.open(1)
    const keys = one.setKeys([
      ['a', 1],
      ['b', 2],
    ])
    const rows = rowsOf(3)
    const table = one.insertRows(rows)
    const two = await contender.open(2)
    for (const update of [keys, table]) two.apply(update)
    const mine = one.setCells([{ id: 'row1', column: 'votes', value: -5 }])
    const theirs = [two.setKey('b', 7), two.setCells([{ id: 'row1', column: 'title', value: 'Theirs' }])]
    two.apply(mine)
    for (const update of theirs) one.apply(update)
    for (const replica of [one, two]) {
      const found = new Map<string, number>()
      replica.eachKey((key, value) => found.set(key, value))
      expect(found).toEqual(
        new Map([
          ['a', 1],
          ['b', 7],
        ]),
      )
      expect(rowsIn(replica)).toEqual([rows[0], { ...rows[1], votes: -5, title: 'Theirs' }, rows[2]])
      expect(replica.keptBytes()).toBeGreaterThan(10)
    }
  },
)

test.each(contenders.filter(({ lacks = [] }) => !lacks.includes('load')).map((one) => [one.name, one] as const))(
  '%s loads what it saved',
  async (_, contender) => {
    const one = await contender.open(1)
    one.insertRows(rowsOf(5))
    expect(rowsIn(await contender.load(one.save(), 2))).toEqual(rowsOf(5))
  },
)
