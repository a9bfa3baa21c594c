import { expect, test } from 'vitest'
import { nextBatch } from '../src/batch.ts'
import { indexedDb } from '../src/index.ts'

test('[ID6] batches follow the size of the entries, between one and 512, and grow by and by', () => {
  expect(nextBatch(8, 8 * 100)).toBe(32)
  expect(nextBatch(64, 64 * 100)).toBe(256)
  expect(nextBatch(256, 256 * 100)).toBe(512)
  expect(nextBatch(512, 0)).toBe(512)
  expect(nextBatch(64, 64 * 64 * 1024)).toBe(32)
  expect(nextBatch(64, 64 * 1024 * 1024)).toBe(2)
  expect(nextBatch(1, 16 * 1024 * 1024)).toBe(1)
})

test('[ID6] that there was one entry to be read says nothing of how many are read next', () => {
  expect(nextBatch(1, 100, 8)).toBe(8)
  expect(nextBatch(1, 64 * 1024, 8)).toBe(8)
  expect(nextBatch(1, 1024 * 1024, 8)).toBe(2)
})

test('[ID11] without IndexedDB a storage can be made, and opening it says what to do', async () => {
  await expect(indexedDb('node').openLog('space')).rejects.toMatchObject({
    name: 'StoreError',
    code: 'storage-failed',
    message: expect.stringContaining('memoryStorage()'),
  })
})
