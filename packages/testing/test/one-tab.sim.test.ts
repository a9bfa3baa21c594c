import { expect, test } from 'vitest'
import { commuting, runInOneTab, steps } from './one-tab.ts'

const isLong = process.env['SYNCLINE_LONG'] === '1'
const HISTORIES = isLong ? 10_000 : 1_000

test(`${HISTORIES} histories in one tab are strictly serializable, and nobody ever sees what could not be`, async () => {
  const { kept, letter, counts, committed } = await runInOneTab(HISTORIES, {
    isolation: 'serializable',
    steps: [...steps, ...commuting],
  })
  expect(letter('strict-serializable')).toBe('')
  expect(kept['strict-serializable']).toBe(HISTORIES)
  // Nothing of what makes it hard was missing.
  expect(committed).toBeGreaterThan(20 * HISTORIES)
  const rare = Object.entries(counts).filter(([, count]) => count <= HISTORIES / 2)
  expect(rare).toEqual([['offline', 0]])
}, 600_000)
