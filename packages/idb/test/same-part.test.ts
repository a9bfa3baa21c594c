import { expect, test } from 'vitest'
import { FLAWED, isStill } from '../src/same-part.ts'

const sumIn = (value: unknown): unknown => (typeof value === 'number' ? value : FLAWED)
const unreadable = (): Promise<unknown> => Promise.reject(new Error('It cannot be read.'))

test('[ID22] a part is still there when what stands there has its checksum, and a damaged one while that is so', async () => {
  expect(await isStill(7, Promise.resolve(7), sumIn)).toBe(true)
  expect(await isStill(FLAWED, Promise.resolve('damaged'), sumIn)).toBe(true)
  expect(await isStill(FLAWED, unreadable(), sumIn)).toBe(true)
  // Another one, which is whole or not, or shorter.
  expect(await isStill(7, Promise.resolve(8), sumIn)).toBe(false)
  expect(await isStill(7, Promise.resolve('damaged'), sumIn)).toBe(false)
  expect(await isStill(7, unreadable(), sumIn)).toBe(false)
  expect(await isStill(7, Promise.resolve(undefined), sumIn)).toBe(false)
  expect(await isStill(FLAWED, Promise.resolve(7), sumIn)).toBe(false)
  expect(await isStill(FLAWED, Promise.resolve(undefined), sumIn)).toBe(false)
})
