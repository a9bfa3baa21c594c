import type { By } from './by.ts'
import { disputed } from './part.ts'
import { diffSequences, mergeSequences, type Items, type Sequences } from './sequence.ts'
import { charactersOf, lineEnds, wordsOf } from './tokens.ts'

/** Texts, cut into tokens that give the text again when they are joined. */
function texts(tokensOf: (text: string) => string[]): Sequences<string> {
  return {
    cut(text) {
      const tokens = tokensOf(text)
      const ends = new Int32Array(tokens.length + 1)
      for (let i = 0; i < tokens.length; i++) ends[i + 1] = ends[i]! + tokens[i]!.length
      return { ...cutText(text, ends), numbered: (numbering) => numbering.of(tokens) }
    },
    join: (parts) => parts.join(''),
    effort: { skims: false },
  }
}

function cutText(text: string, ends: Int32Array): Items<string> {
  return {
    count: ends.length - 1,
    at: (index) => ends[index]!,
    slice: (start, end) => text.slice(ends[start], ends[end]),
    numbered: (numbering) => numbering.ofParts(text, ends),
  }
}

function byText(name: string, kind: Sequences<string>): By<string> {
  return Object.freeze<By<string>>({
    name,
    objection: (value) =>
      typeof value === 'string' ? undefined : { code: 'invalid-value', message: `is ${nameOf(value)} and no text` },
    diff: (a, b, path) => diffSequences(kind, a, b, path),
    merge: (base, mine, theirs, path) =>
      base === undefined ? disputed(base, mine, theirs, path) : mergeSequences(kind, base, mine, theirs, path),
  })
}

/** What to call a value in a message. */
export function nameOf(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (value instanceof Uint8Array) return 'bytes'
  if (Array.isArray(value)) return 'an array'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

/** Texts as lines. */
export const lineTexts: Sequences<string> = {
  cut: (text) => cutText(text, lineEnds(text)),
  join: (parts) => parts.join(''),
  effort: { skims: true },
}

/**
 * Texts line by line, as version control sees them. Each line is taken with the line feed that ends it.
 *
 * @example
 * import { diff, lines } from '@syncline/merge/diff'
 *
 * expect(diff('one\ntwo\n', 'one\n2\n', lines)).toEqual([
 *   { kind: 'splice', path: [], at: 4, removed: 'two\n', added: '2\n' },
 * ])
 */
export const lines: By<string> = /* @__PURE__ */ byText('lines', lineTexts)

/**
 * Texts word by word: for prose, where a line is a paragraph. White space between words and each punctuation mark are items of their own.
 *
 * @example
 * import { merge3, words } from '@syncline/merge/diff'
 *
 * expect(merge3({ base: 'a cold night', mine: 'a dark night', theirs: 'a cold day', by: words })).toEqual({
 *   clean: true,
 *   value: 'a dark day',
 * })
 */
export const words: By<string> = /* @__PURE__ */ byText('words', /* @__PURE__ */ texts(wordsOf))

/**
 * Texts character by character, that is by code points: for short ones, as titles and codes.
 *
 * @example
 * import { diff, characters } from '@syncline/merge/diff'
 *
 * expect(diff('👍 ok', '👎 ok!', characters)).toEqual([
 *   { kind: 'splice', path: [], at: 0, removed: '👍', added: '👎' },
 *   { kind: 'splice', path: [], at: 5, removed: '', added: '!' },
 * ])
 */
export const characters: By<string> = /* @__PURE__ */ byText('characters', /* @__PURE__ */ texts(charactersOf))
