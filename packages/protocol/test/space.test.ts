import { isSpaceName, MAX_SPACE_NAME_LENGTH, MAX_MESSAGE_BYTES, encodeFrames, type Frame } from '@syncline/protocol'
import { emptyBasis } from '@syncline/stm'
import { expect, test } from 'vitest'
import { readMessage } from './vectors.ts'

/** What no name may hold: a control character, a line separator, or half of a surrogate pair. */
const unfit = (unit: number): boolean =>
  unit < 0x20 ||
  (unit >= 0x7f && unit < 0xa0) ||
  unit === 0x2028 ||
  unit === 0x2029 ||
  (unit >= 0xd800 && unit < 0xe000)

test('[FR9] of all code units, exactly the named ones are unfit for the name of a space', () => {
  const units = Array.from({ length: 0x10000 }, (_, unit) => unit)
  const refused = units.filter((unit) => !isSpaceName(`a${String.fromCharCode(unit)}b`))
  expect(refused).toEqual(units.filter(unfit))
  expect(refused.length).toBe(32 + 33 + 2 + 2048)
})

test('[FR9] the length of the name of a space is counted in code units', () => {
  const pair = '\u{1f600}'
  expect([isSpaceName('x'.repeat(MAX_SPACE_NAME_LENGTH)), isSpaceName('x'.repeat(201))]).toEqual([true, false])
  expect([isSpaceName(pair.repeat(100)), isSpaceName(`${pair.repeat(100)}x`)]).toEqual([true, false])
  expect([isSpaceName(''), isSpaceName(' '), isSpaceName('../..')]).toEqual([false, true, true])
})

test('[FR9] only whole surrogate pairs are in the name of a space', () => {
  const names = ['\ud83d\ude00', '\ude00\ud83d', '\ud83d', 'a\ude00', '\ud83d\ud83d\ude00']
  expect(names.map(isSpaceName)).toEqual([true, false, false, false, false])
})

test.each([undefined, null, 42, ['a'], { length: 1 }])('[FR9] %j is no name of a space', (name) => {
  expect(isSpaceName(name)).toBe(false)
})

test('[FR9] every code unit that may be in the name of a space comes through an open', () => {
  const units = Array.from({ length: 0x10000 }, (_, unit) => unit).filter((unit) => !unfit(unit))
  const frames: Frame[] = []
  for (let at = 0; at < units.length; at += MAX_SPACE_NAME_LENGTH) {
    const space = String.fromCharCode(...units.slice(at, at + MAX_SPACE_NAME_LENGTH))
    frames.push({ type: 'open', channel: frames.length + 1, space, basis: emptyBasis })
  }
  expect(frames.length).toBe(318)
  const [message] = encodeFrames(frames, MAX_MESSAGE_BYTES)
  expect(readMessage(message!)).toEqual(frames)
})
