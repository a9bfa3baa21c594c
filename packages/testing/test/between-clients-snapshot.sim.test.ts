import { expect, test } from 'vitest'
import { runBetweenClients } from './between-clients.ts'

const isLong = process.env['SYNCLINE_LONG'] === '1'
const HISTORIES = isLong ? 10_000 : 1_000

test(`${HISTORIES} histories of clients under snapshot isolation show write skew, and nothing else`, async () => {
  const { kept, letter, anomalies, committed } = await runBetweenClients(HISTORIES, { isolation: 'snapshot' })
  expect(letter('session-snapshot-isolation')).toBe('')
  expect(kept['session-snapshot-isolation']).toBe(HISTORIES)
  expect(Object.keys(anomalies)).toContain('G2')
  expect(kept.serializable).toBeLessThan(HISTORIES)
  expect(committed).toBeGreaterThan(8 * HISTORIES)
}, 600_000)
