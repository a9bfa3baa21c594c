import { expect, test } from 'vitest'
import { tick, witness } from '../src/index.ts'

test('[ME34] ticks follow wall time, and go on when it stands still or runs backwards', () => {
  let last = tick(0, 1_700_000_000_000.4)
  expect(last).toBe(1_700_000_000_000_400)
  expect((last = tick(last, 1_700_000_000_000.4))).toBe(1_700_000_000_000_401)
  expect((last = tick(last, 1_600_000_000_000))).toBe(1_700_000_000_000_402)
  expect((last = tick(last, 1_700_000_000_001))).toBe(1_700_000_000_001_000)
  for (let i = 0; i < 5_000; i++) {
    const next = tick(last, 1_700_000_000_001)
    expect(next).toBe(last + 1)
    last = next
  }
  expect(Number.isSafeInteger(last)).toBe(true)
})

test('[ME35] a tick comes after everything witnessed, and a witnessed stamp is not clamped', () => {
  const farAhead = 4_000_000_000_000_000
  const last = witness(1_000, farAhead)
  expect(last).toBe(farAhead)
  expect(tick(last, 1)).toBe(farAhead + 1)
  expect(witness(farAhead, 5)).toBe(farAhead)
})
