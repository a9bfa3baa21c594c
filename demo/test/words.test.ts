import { expect, test } from 'vitest'
import { savedWords } from '../src/saving/words.ts'
import { fine } from './status.ts'

test('a board that nobody has written on is on the relay as soon as the link is up', () => {
  expect(savedWords(fine)).toBe('On the relay')
  for (const link of ['off', 'connecting', 'catching-up', 'waiting'] as const) {
    expect(savedWords({ ...fine, link })).toBe('On this device')
  }
})

test('what is not on the relay yet is never said to be', () => {
  expect(savedWords({ ...fine, pending: 2 })).toBe('On this device, 2 to send')
  expect(savedWords({ ...fine, saved: 'memory', unsaved: 1 })).toBe('In memory')
  expect(savedWords({ ...fine, saved: 'relay', link: 'off' })).toBe('On the relay')
})
