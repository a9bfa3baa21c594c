import { expect, test } from 'vitest'
import { unlessStill } from '../src/blocking.ts'

test('[CA7] who stood still themselves hears what has come meanwhile, and who does not is told that it is blocked', async () => {
  let timers: (() => void)[] = []
  const setTimer = (_: number, fn: () => void): (() => void) => {
    timers.push(fn)
    return () => (timers = timers.filter((one) => one !== fn))
  }
  const pass = (): void => timers.splice(0).forEach((fn) => fn())
  let come: (what: string) => void
  const reading = unlessStill({ setTimer }, 'app', 'read from', new Promise<string>((resolve) => (come = resolve)))
  // The page goes on: first what is due, then what has come.
  pass()
  come!('all')
  expect(await reading).toBe('all')
  expect(timers).toEqual([])

  const still = unlessStill({ setTimer }, 'app', 'read from', new Promise(() => undefined))
  pass()
  pass()
  await expect(still).rejects.toMatchObject({
    code: 'storage-blocked',
    message: expect.stringContaining('read from "app"'),
  })
})
