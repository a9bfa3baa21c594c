import type { Stamp, Value } from '@syncline/stm'
import { expect, test } from 'vitest'
import { restamped } from '../src/index.ts'

const op = (payload: Value, tag = 'record') => ({ tag, address: 'tasks/a', arbiter: 'local' as const, payload })
const now = ({ at, writer }: Stamp): Stamp | undefined =>
  writer === 'old' && at > 5 ? { at: at + 100, writer: 'new' } : undefined

test('[KE8] stamps are named as they are now, in their places; additions stand under both writers', () => {
  const before = op([4, 2, [6, 'old', 7, 'old', 8, 'else'], '0title', 0, '1["n","old"]', 1, '1["n","else"]', 2])
  expect(restamped(before, now)).toEqual(
    op([
      4,
      2,
      [106, 'new', 7, 'old', 107, 'new', 8, 'else'],
      '0title',
      0,
      '1["n","old"]',
      1,
      '1["n","new"]',
      2,
      '1["n","else"]',
      3,
    ]),
  )
})

test('[KE8] an addition that is named under its new writer already keeps the later stamp', () => {
  const before = op([4, 1, [6, 'old', 300, 'new'], '1["n","old"]', 0, '1["n","new"]', 1])
  expect(restamped(before, now).payload).toEqual([4, 1, [6, 'old', 300, 'new'], '1["n","old"]', 0, '1["n","new"]', 1])
})

test('[KE8] what names nothing that has another stamp, and what makes no sense, stays as it is', () => {
  const same: readonly ReturnType<typeof op>[] = [
    op([4, 1, [5, 'old'], '0title', 0]),
    op([4, 1, [6, 'old'], '0title', 0], 'list'),
    op([3, 1]),
    op(null),
    op([4, 1, [6, 'old'], '0title', 1]),
    op([4, 1, [6, 'old'], '0title']),
    op([4, 1, 'x', '0title', 0]),
    op([4, 1, [6, 'old'], 7, 0]),
  ]
  for (const one of same) expect(restamped(one, now)).toBe(one)
})
