import { expect, test } from 'vitest'
import { commuting, runInOneTab, steps } from './one-tab.ts'

const isLong = process.env['SYNCLINE_LONG'] === '1'
const HISTORIES = isLong ? 10_000 : 1_000
const FEW = isLong ? 1_000 : 100

test(`${HISTORIES} histories in one tab under snapshot isolation show write skew, and nothing else`, async () => {
  const { kept, letter, anomalies, counts, committed } = await runInOneTab(HISTORIES, { isolation: 'snapshot', steps })
  expect(letter('strong-snapshot-isolation')).toBe('')
  expect(kept['strong-snapshot-isolation']).toBe(HISTORIES)
  expect(Object.keys(anomalies).toSorted()).toEqual(['G2', 'G2-real-time'])
  expect(kept.serializable).toBeLessThan(HISTORIES)
  expect(committed).toBeGreaterThan(20 * HISTORIES)
  const rare = Object.entries(counts).filter(([, count]) => count <= HISTORIES / 2)
  expect(rare).toEqual([
    ['commuted', 0],
    ['offline', 0],
  ])
}, 600_000)

test('under snapshot isolation, bodies that ensure all that they read are strictly serializable', async () => {
  const { kept, letter } = await runInOneTab(FEW, { isolation: 'snapshot', steps, reading: 'ensure' })
  expect(letter('strict-serializable')).toBe('')
  expect(kept['strict-serializable']).toBe(FEW)
}, 600_000)

test('the checker would notice: without the check of what was read there is write skew, over ranges too', async () => {
  const { kept, anomalies } = await runInOneTab(FEW, {
    isolation: 'serializable',
    steps: ['add', 'range', 'append', 'read'],
    reading: 'peek',
  })
  expect(kept['strong-snapshot-isolation']).toBe(FEW)
  expect(kept.serializable).toBeLessThan(FEW / 2)
  expect(Object.keys(anomalies).toSorted()).toEqual(['G2', 'G2-real-time'])
  const ranges = await runInOneTab(FEW, { isolation: 'serializable', steps: ['add', 'range'], reading: 'peek' })
  expect(ranges.kept.serializable).toBeLessThan(FEW / 2)
}, 600_000)

test('the checker would notice: where writes are not checked either, updates are lost and transactions are torn', async () => {
  const { kept, anomalies } = await runInOneTab(FEW, {
    isolation: 'serializable',
    steps: [...steps, ...commuting],
    refs: { onConflict: 'merge' },
  })
  expect(kept['snapshot-isolation']).toBeLessThan(FEW / 4)
  expect(Object.keys(anomalies)).toEqual(expect.arrayContaining(['lost-update', 'incompatible-orders']))
}, 600_000)
