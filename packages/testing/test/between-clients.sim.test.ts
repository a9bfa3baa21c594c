import { expect, test } from 'vitest'
import { runBetweenClients } from './between-clients.ts'

const isLong = process.env['SYNCLINE_LONG'] === '1'
const HISTORIES = isLong ? 10_000 : 1_000
const FEW = isLong ? 1_000 : 100

// A client that only reads may see what is no longer the newest: each sees the order of the relay, up to somewhere.
test(`${HISTORIES} histories of clients on relay refs are serializable, each in the order of its client, and opaque`, async () => {
  const { kept, letter, counts, committed } = await runBetweenClients(HISTORIES, { isolation: 'serializable' })
  expect(letter('session-serializable')).toBe('')
  expect(kept['session-serializable']).toBe(HISTORIES)
  expect(committed).toBeGreaterThan(8 * HISTORIES)
  expect(counts.reruns).toBeGreaterThan(HISTORIES)
  expect(counts.undone).toBeGreaterThan(HISTORIES / 2)
  expect(counts.otherwise).toBeGreaterThan(HISTORIES / 2)
}, 600_000)

test('the checker would notice: without the check of what was read there is write skew', async () => {
  const { kept } = await runBetweenClients(FEW, {
    isolation: 'serializable',
    steps: ['add', 'range', 'append', 'read'],
    reading: 'peek',
    crowd: 4,
  })
  expect(kept.serializable).toBeLessThan(FEW / 2)
}, 600_000)
