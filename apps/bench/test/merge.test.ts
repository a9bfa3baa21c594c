import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { readBaseline } from '../harness/baseline.mjs'
import { tableIn } from '../harness/tables.mjs'
import { contenders } from '../merge/contenders.ts'
import { mergeTables } from '../merge/tables.mjs'
import { workloads } from '../merge/texts.ts'

const folder = join(dirname(dirname(fileURLToPath(import.meta.url))), 'merge')

test('the README shows what was measured last, of every workload', () => {
  const baseline = readBaseline(folder)
  const tables = Object.entries(mergeTables(baseline))
  expect(tables.map(([name]) => name)).toEqual(['merge', 'bars', 'environment'])
  for (const [name, table] of tables) expect(tableIn(join(folder, 'README.md'), name)).toBe(table)
  expect(Object.keys(baseline.results)).toEqual(Object.keys(workloads))
  expect(Object.keys(Object.values<object>(baseline.results)[0]!)).toEqual(
    expect.arrayContaining(Object.keys(contenders)),
  )
  expect(baseline.rounds).toBeGreaterThanOrEqual(5)
})

test.each(Object.keys(contenders))('%s merges what it is given', (name) => {
  const texts = { base: 'a\nb\nc\nd\n', mine: 'A\nb\nc\nd\n', theirs: 'a\nb\nc\nD\n' }
  expect(contenders[name]!(texts)).toEqual({ clean: true, text: 'A\nb\nc\nD\n' })
  expect(contenders[name]!({ ...texts, theirs: 'x\nb\nc\nd\n' })).toEqual({ clean: false })
})
