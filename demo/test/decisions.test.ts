import { merge3, lines } from '@syncline/merge/diff'
import type { Diff3Value } from '@syncline/merge/diff3'
import { expect, test } from 'vitest'
import { decided, ownSide, partsOf, placesOf, textOf } from '../src/description/decisions.ts'
import { toShown, toStored } from '../src/description/description.ts'

function readingOf(base: string, mine: string, theirs: string, copies: readonly string[] = []): Diff3Value<string> {
  const merged = merge3({ base, mine, theirs, by: lines })
  return { value: merged.value, conflicts: merged.clean ? [] : merged.conflicts, waiting: 0, copies }
}

const reading = readingOf('a\n\nb\n\nc\n', 'a\n\nB\n\nc\n', 'a\n\nb!\n\n', ['old\n'])

test('each place says where it is, and what both and nobody wrote', () => {
  expect(placesOf(reading)).toEqual([{ after: 'a', base: 'b', mine: 'B', theirs: 'b!' }])
  expect(placesOf(readingOf('x\n', 'y\n', ''))).toEqual([{ after: undefined, base: 'x', mine: 'y', theirs: '' }])
  const [place] = placesOf(reading)
  expect((['base', 'mine', 'theirs', 'both'] as const).map((pick) => textOf(place!, pick, 'theirs'))).toEqual([
    'b',
    'B',
    'b!',
    'b!\nB',
  ])
})

test('decisions come to one text: lines that were taken out are gone, a copy that is kept stands at the end', () => {
  const own = (text: string) => [{ pick: undefined, text }]
  expect(decided(reading, own('one\ntwo'), [])).toBe('a\n\none\ntwo\n')
  expect(decided(reading, own(''), ['old\n'])).toBe('a\n\nold\n')
  expect(decided(readingOf('', '', '', ['old\n']), [], [])).toBe('')
})

test('a side is told to be yours when it has your words and the other has not', () => {
  const [place] = placesOf(reading)
  expect(ownSide(place!, 'a\n\nB\n\nc\n')).toBe('mine')
  expect(ownSide(place!, 'a\n\nb!\n')).toBe('theirs')
  expect([ownSide(place!, undefined), ownSide(place!, 'B and b!'), ownSide(place!, 'neither')]).toEqual([
    undefined,
    undefined,
    undefined,
  ])
  // Who took the lines out has neither.
  expect(ownSide({ after: undefined, base: 'x', mine: 'y', theirs: '' }, 'z')).toBe('theirs')
})

test('what is new in a text is marked, and the parts are the text', () => {
  const parts = partsOf('ask Cleo about sails', 'ask Cleo and Dan about ropes')
  expect(parts.map(({ text }) => text).join('')).toBe('ask Cleo and Dan about ropes')
  expect(parts.filter(({ isNew }) => isNew).map(({ text }) => text.trim())).toEqual(['and Dan', 'ropes'])
})

test('a text is stored with an end to each line, and shown without', () => {
  expect([toStored('a\r\nb\n\n '), toStored(' \n'), toShown('a\nb\n'), toShown(7)]).toEqual(['a\nb\n', '', 'a\nb', ''])
})
