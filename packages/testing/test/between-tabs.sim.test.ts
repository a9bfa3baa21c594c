import { expect, test } from 'vitest'
import { runBetweenTabs } from './between-tabs.ts'

const isLong = process.env['SYNCLINE_LONG'] === '1'
const HISTORIES = isLong ? 10_000 : 1_000
const FEW = isLong ? 1_000 : 100

test(`${HISTORIES} histories of tabs on browser refs are serializable, each in the order of its worker`, async () => {
  const { kept, letter, counts, committed } = await runBetweenTabs(HISTORIES, { isolation: 'serializable' })
  expect(letter('session-serializable')).toBe('')
  expect(kept['session-serializable']).toBe(HISTORIES)
  expect(committed).toBeGreaterThan(10 * HISTORIES)
  expect(counts.reruns).toBeGreaterThan(HISTORIES)
  expect(counts.sync).toBeGreaterThan(HISTORIES)
  expect(counts.undone).toBeGreaterThan(HISTORIES / 2)
  expect(counts.otherwise).toBeGreaterThan(HISTORIES / 2)
}, 600_000)

test('the checker would notice: without the check of what was read there is write skew', async () => {
  const { kept } = await runBetweenTabs(FEW, {
    isolation: 'serializable',
    steps: ['add', 'range', 'append', 'read'],
    reading: 'peek',
  })
  expect(kept.serializable).toBeLessThan(FEW / 2)
}, 600_000)
