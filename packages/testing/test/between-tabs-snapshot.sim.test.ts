import { expect, test } from 'vitest'
import { runBetweenTabs } from './between-tabs.ts'

const isLong = process.env['SYNCLINE_LONG'] === '1'
const HISTORIES = isLong ? 10_000 : 1_000

test(`${HISTORIES} histories of tabs under snapshot isolation show write skew, and nothing else`, async () => {
  const { kept, letter, anomalies } = await runBetweenTabs(HISTORIES, { isolation: 'snapshot' })
  expect(letter('session-snapshot-isolation')).toBe('')
  expect(kept['session-snapshot-isolation']).toBe(HISTORIES)
  expect(Object.keys(anomalies)).toContain('G2')
  expect(kept.serializable).toBeLessThan(HISTORIES)
}, 600_000)
