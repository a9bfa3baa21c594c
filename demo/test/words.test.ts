import type { Status } from '@syncline/store'
import { expect, test } from 'vitest'
import { savedWords } from '../src/saving/words.ts'

const status: Status = {
  saved: 'device',
  unsaved: 0,
  pending: 0,
  refused: 0,
  link: 'online',
  problem: undefined,
  retryAtMs: undefined,
  storage: 'ok',
  storageError: undefined,
  persistence: 'granted',
}

test('a board that nobody has written on is on the relay as soon as the link is up', () => {
  expect(savedWords(status)).toBe('On the relay')
  for (const link of ['off', 'connecting', 'catching-up', 'waiting'] as const) {
    expect(savedWords({ ...status, link })).toBe('On this device')
  }
})

test('what is not on the relay yet is never said to be', () => {
  expect(savedWords({ ...status, pending: 2 })).toBe('On this device, 2 to send')
  expect(savedWords({ ...status, saved: 'memory', unsaved: 1 })).toBe('In memory')
  expect(savedWords({ ...status, saved: 'relay', link: 'off' })).toBe('On the relay')
})
