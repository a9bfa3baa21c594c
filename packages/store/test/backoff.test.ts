import { expect, test } from 'vitest'
import { createBackoff } from '../src/backoff.ts'
import { seededChance, virtualClock } from './world.ts'

const SEEDS = Array.from({ length: 500 }, (_, seed) => seed)

test('[ST23] who was sent away with others comes back at a moment of its own, and not before it was asked to', () => {
  const delays = SEEDS.map((seed) => createBackoff(virtualClock(), seededChance(seed)).fail(1_000))
  expect(new Set(delays).size).toBeGreaterThan(250)
  const inTenths = Array.from({ length: 10 }, () => 0)
  for (const ms of delays) {
    expect(ms).toBeGreaterThanOrEqual(1_000)
    expect(ms).toBeLessThanOrEqual(1_500)
    inTenths[Math.min(9, Math.floor((ms - 1_000) / 50))]! += 1
  }
  for (const count of inTenths) expect(count).toBeGreaterThan(25)
})

test('[ST23] the limit doubles up to 30 s, and begins anew after 10 s of what was good, not before', () => {
  const clock = virtualClock()
  const limitAfter = (failures: number, goodMs?: number): number => {
    const longest = SEEDS.map((seed) => {
      const backoff = createBackoff(clock, seededChance(seed))
      for (let i = 0; i < failures; i++) backoff.fail(0)
      if (goodMs !== undefined) {
        backoff.succeed()
        clock.step(goodMs)
      }
      return backoff.fail(0)
    })
    return Math.max(...longest)
  }
  for (const [failures, limitMs] of [
    [0, 500],
    [1, 1_000],
    [4, 8_000],
    [6, 30_000],
    [40, 30_000],
  ] as const) {
    expect(limitAfter(failures)).toBeGreaterThan(limitMs * 0.95)
    expect(limitAfter(failures)).toBeLessThanOrEqual(limitMs)
  }
  expect(limitAfter(6, 9_999)).toBeGreaterThan(28_000)
  expect(limitAfter(6, 10_000)).toBeLessThanOrEqual(500)
})
