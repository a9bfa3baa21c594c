import { expect, test } from 'vitest'
import { hashOf } from '../../src/diff/spans.ts'
import { createNumbering } from '../../src/diff/symbols.ts'
import { lineEnds } from '../../src/diff/tokens.ts'
import { createDice } from './dice.ts'

/** Lines of texts, and their numbers beside those that a Map gives. */
function numbersOf(texts: readonly (readonly string[])[]): readonly (readonly Int32Array[])[] {
  const [parts, items] = [createNumbering(), createNumbering()]
  const found = texts.map((lines) => {
    const text = lines.join('')
    return [parts.ofParts(text, lineEnds(text)), items.of(lines)]
  })
  expect(parts.count()).toBe(items.count())
  return found
}

test('[DF10] parts of texts are numbered as their strings are, where texts go on alike and where they do not', () => {
  const dice = createDice(7)
  for (const kinds of [2, 30, 5_000]) {
    const line = (): string => `${'x'.repeat(dice.below(4))}${dice.below(kinds)}\n`
    const base = Array.from({ length: 3_000 }, line)
    const edited = (): string[] => {
      const lines = [...base]
      for (let i = 0; i < 60; i++)
        lines.splice(dice.below(lines.length), dice.below(4), ...Array.from({ length: dice.below(4) }, line))
      return lines
    }
    for (const [parts, items] of numbersOf([base, edited(), edited().reverse(), [], ['no end'], base]))
      expect(parts).toEqual(items)
  }
})

test('[DF10] texts that were made to have one hash are numbered like others', () => {
  // As many as fill the places that are looked through, and more: of tables of any size up to 4096.
  const dice = createDice(1)
  const alike: string[] = []
  while (alike.length < 80) {
    const line = `${dice.below(1_000_000)} ${dice.below(1_000_000)}\n`
    if ((hashOf(line, 0, line.length) & 4095) === 7) alike.push(line)
  }
  const others = Array.from({ length: 500 }, (_, i) => `${i}\n`)
  const texts = [[...alike, ...others, ...alike], [...others].reverse(), [...alike].reverse()]
  for (const [parts, items] of numbersOf(texts)) expect(parts).toEqual(items)
})
