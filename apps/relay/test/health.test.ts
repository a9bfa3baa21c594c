import { createMemoryStorage } from '@syncline/relay'
import { expect, test } from 'vitest'
import { createHealth } from '../src/health.ts'

test('[RL64] a relay is well until a batch cannot be stored, and again when one is', async () => {
  const health = createHealth()
  const memory = createMemoryStorage()
  let isFull = false
  const append = (): Promise<void> =>
    isFull ? Promise.reject(new Error('No space left on device')) : memory.append([])
  const storage = health.watch({ ...memory, gatherMs: 3, append })
  expect([health.isStoring, storage.gatherMs]).toEqual([true, 3])
  await storage.append([])
  expect(health.isStoring).toBe(true)
  isFull = true
  await expect(storage.append([])).rejects.toThrow('No space left')
  expect(health.isStoring).toBe(false)
  await storage.space('board')
  expect(health.isStoring).toBe(false)
  isFull = false
  await storage.append([])
  expect(health.isStoring).toBe(true)
})
