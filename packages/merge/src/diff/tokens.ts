/**
 * Where the lines of a text end, after 0 for the beginning of the first; each with the line feed that ends it, only the last may be without. So a
 * text that does not end with a line feed differs in its last line from one that does, and a carriage return belongs to its line.
 */
export function lineEnds(text: string): Int32Array {
  let count = 1
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) count += 1
  const ends = new Int32Array(text === '' || text.endsWith('\n') ? count : count + 1)
  let line = 1
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) ends[line++] = at + 1
  if (line < ends.length) ends[line] = text.length
  return ends
}

/**
 * The characters of a text: code points, so no surrogate pair is torn. Not what readers take for one character, such as a family of emoji:
 * where those end depends on the tables of the engine, and what two replicas merge must not.
 */
export function charactersOf(text: string): string[] {
  return Array.from(text)
}

/**
 * The words of a text, the runs of white space between them, and everything else character by character. Joined they are the text.
 *
 * What a word is goes by fixed ranges, not by the Unicode tables of the engine, which change: letters, digits and `_` of ASCII, and what is above
 * it up to U+FFFF, but for punctuation and for scripts that are written without spaces. Of these, and of all beyond, each code point
 * is a word.
 */
export function wordsOf(text: string): string[] {
  return text.match(WORD) ?? []
}

// White space (that of ECMAScript, spelt out); ASCII and other words; one code point of anything else, a lone surrogate included.
const SPACE = '\\t-\\r \\u0085\\u00A0\\u1680\\u2000-\\u200A\\u2028\\u2029\\u202F\\u205F\\u3000\\uFEFF'
const PUNCTUATION =
  '\\u0080-\\u00A9\\u00AB-\\u00B1\\u00B4\\u00B6-\\u00B8\\u00BB\\u00BF\\u00D7\\u00F7\\u2010-\\u2BFF\\u3001-\\u3004\\u3008-\\u3020\\u3030'
const WITHOUT_SPACES =
  '\\u0E00-\\u0EFF\\u1000-\\u109F\\u1780-\\u17FF\\u2E80-\\u2FFF\\u3005-\\u3007\\u3021-\\u30FF\\u3100-\\u9FFF\\uA000-\\uA4CF\\uF900-\\uFAFF\\uFE30-\\uFE4F\\uFF00-\\uFFEF'
const LETTER = `(?:[A-Za-z0-9_]|(?![${SPACE}${PUNCTUATION}${WITHOUT_SPACES}])[\\u0080-\\uD7FF\\uE000-\\u{FFFF}])`
const WORD = new RegExp(`[${SPACE}]+|${LETTER}+|[^]`, 'gu')
