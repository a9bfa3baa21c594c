import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { readBaseline } from '../harness/baseline.mjs'
import { tableIn } from '../harness/tables.mjs'
import { contenders } from '../text/contenders/index.ts'
import { textTables } from '../text/tables.mjs'
import { readTrace } from '../text/trace.ts'
import { measure, takesPart, type Workload } from '../text/workloads.ts'

const folder = join(dirname(dirname(fileURLToPath(import.meta.url))), 'text')
const file = join(folder, '../../../third_party/editing-traces/automerge-paper.json.gz')
const workloads: readonly Workload[] = ['edit', 'receive', 'load']
/** More than an app writes in one task. */
const trace = readTrace(file, 250)

test('the README shows what was measured last, of every contender', () => {
  const baseline = readBaseline(folder)
  const tables = Object.entries(textTables(baseline))
  expect(tables.map(([name]) => name)).toEqual(['text', 'bars', 'environment'])
  for (const [name, table] of tables) expect(tableIn(join(folder, 'README.md'), name)).toBe(table)
  for (const workload of workloads) {
    const names = contenders.filter(takesPart[workload]).map(({ name }) => name)
    expect(Object.keys(baseline.results[workload])).toEqual(names)
  }
  expect(baseline.rounds).toBeGreaterThanOrEqual(3)
})

test.each(contenders)('$name writes, takes in and loads what was typed', async (contender) => {
  const times: number[] = []
  const time = async (body: () => void | Promise<void>): Promise<number> => {
    await body()
    return 1
  }
  for (const workload of workloads)
    if (takesPart[workload](contender)) times.push(await measure(contender, workload, trace, time))
  expect(times.length).toBeGreaterThan(0)
})

test('a contender that ends with another text is found out', async () => {
  const liar = { name: 'liar', receives: false, open: () => ({ edit: () => undefined, read: () => 'something else' }) }
  await expect(measure(liar, 'edit', trace, async (body) => (await body(), 1))).rejects.toThrow('another text')
})
