import * as lean from '@syncline/store/lean'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { readBaseline } from '../harness/baseline.mjs'
import { tableIn } from '../harness/tables.mjs'
import { measure, promises, storeParts } from '../size/measure.mjs'
import { limitsTable, sizeTables } from '../size/tables.mjs'

const bench = dirname(dirname(fileURLToPath(import.meta.url)))

test.each(Object.keys(promises))('%s is not larger than promised', async (name) => {
  const { gzip } = await measure(name)
  // An entry that comes out empty would keep every promise.
  expect(gzip).toBeGreaterThan(500)
  expect(gzip).toBeLessThanOrEqual(promises[name].limitKb * 1000)
})

test('the parts that are weighed are all that there are', () => {
  const exported: readonly unknown[] = Object.values(lean)
  const names = exported.flatMap((one) => (isPart(one) ? [one.name] : []))
  expect(names.sort()).toEqual([...storeParts].sort())
})

function isPart(one: unknown): one is lean.Part {
  return typeof one === 'object' && one !== null && 'bring' in one
}

test('the README of this question shows the promises and what was measured last', () => {
  const folder = join(bench, 'size')
  for (const [name, table] of Object.entries(sizeTables(promises, readBaseline(folder)))) {
    expect(tableIn(join(folder, 'README.md'), name)).toBe(table)
  }
})

test('the README of the repository shows the promises', () => {
  expect(tableIn(join(bench, '../../README.md'), 'size')).toBe(limitsTable(promises))
})
