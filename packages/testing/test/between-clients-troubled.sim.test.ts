import { expect, test } from 'vitest'
import { runBetweenClients } from './between-clients.ts'

const isLong = process.env['SYNCLINE_LONG'] === '1'
const HISTORIES = isLong ? 1_000 : 100

test(`${HISTORIES} histories of clients whose wires are cut and whose relay is killed are serializable all the same`, async () => {
  const { kept, letter, counts, committed } = await runBetweenClients(HISTORIES, {
    isolation: 'serializable',
    isTroubled: true,
  })
  expect(letter('session-serializable')).toBe('')
  expect(kept['session-serializable']).toBe(HISTORIES)
  expect(committed).toBeGreaterThan(3 * HISTORIES)
  const rare = [counts.reruns, counts.offline].filter((count) => count < HISTORIES / 10)
  expect(rare).toEqual([])
}, 600_000)
