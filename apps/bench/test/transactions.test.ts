import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { readBaseline } from '../harness/baseline.mjs'
import { summary } from '../harness/statistics.mjs'
import { tableIn } from '../harness/tables.mjs'
import type { Contender } from '../transactions/contender.ts'
import { contenders } from '../transactions/contenders/index.ts'
import { transactionTables } from '../transactions/tables.mjs'
import { createWatch } from '../transactions/watch.ts'

const folder = join(dirname(dirname(fileURLToPath(import.meta.url))), 'transactions')
const size = { entities: 40, subscribers: 8, many: 20 }

test('the README shows what was measured last, of every contender', () => {
  const baseline = readBaseline(folder)
  const tables = Object.entries(transactionTables(baseline))
  expect(tables.map(([name]) => name)).toEqual(['single', 'many', 'bars', 'environment'])
  for (const [name, table] of tables) expect(tableIn(join(folder, 'README.md'), name)).toBe(table)
  expect(Object.keys(baseline.many.results)).toEqual(contenders.map(({ name }) => name))
  expect(baseline.rounds).toBeGreaterThanOrEqual(5)
})

test.each(contenders)('$name calls exactly the subscribers concerned', async (contender) => {
  const single = createWatch({ contender, ...size })
  const one = await contender.open(size, single.entityOf, single.hear, 'single')
  const writes = single.plan('write', 20, 1)
  single.begin()
  for (const [i, entity] of writes.entities.entries()) await one.write(entity, 1 + i)
  single.verify('write', writes, one.read)

  const many = createWatch({ contender, ...size })
  const other = await contender.open(size, many.entityOf, many.hear, 'many')
  const large = many.plan('writeMany', 2, 1)
  many.begin()
  await other.writeMany(large.large, 1)
  await other.writeMany(large.large, 2)
  many.verify('writeMany', large, other.read)
  expect(other.giveUp !== undefined).toBe(contender.canRollBack)
  if (other.giveUp === undefined) return
  const lost = many.plan('giveUp', 1, 3)
  many.begin()
  await other.giveUp(lost.large, 3)
  many.verify('giveUp', lost, other.read)
})

test('a contender that tells too much, too little, late or wrong is found out', () => {
  const contender = { name: 'liar' } as Contender
  const outcome = (lie: (watch: ReturnType<typeof createWatch>, entity: number, value: number) => void) => {
    const watch = createWatch({ contender, ...size })
    const plan = watch.plan('write', 3, 1)
    const values = new Map<number, number>()
    watch.begin()
    for (const [i, entity] of plan.entities.entries()) {
      values.set(entity, 1 + i)
      lie(watch, entity, 1 + i)
    }
    return () => watch.verify('write', plan, (entity) => values.get(entity) ?? 0)
  }
  const subscriber = (entity: number) => entity / (size.entities / size.subscribers)
  expect(outcome((watch, entity, value) => watch.hear(subscriber(entity), value))).not.toThrow()
  expect(outcome(() => undefined)).toThrow(/called 0 times, not 1/)
  expect(outcome((watch, _, value) => watch.hear(0, value))).toThrow(/called \d times, not \d/)
  expect(outcome((watch, entity) => watch.hear(subscriber(entity), 0))).toThrow(/heard 0, not/)
  const forgetful = createWatch({ contender, ...size })
  const plan = forgetful.plan('write', 1, 1)
  expect(() => forgetful.verify('write', plan, () => 0)).toThrow(/reads 0 and should read 1/)
})

test('a summary is the median and the width of the middle half', () => {
  expect(summary([5, 1, 3, 2, 4])).toEqual({ median: 3, spread: 0.667, samples: 5 })
})
