import { MAX_SPACE_NAME_LENGTH } from './limits.ts'

/** What names a space, in words, for messages about a name that does not. */
export const SPACE_NAME_RULE: string = `1 to ${MAX_SPACE_NAME_LENGTH} characters, none of them a control character, a line separator or half of a surrogate pair`

/** Categories of Unicode: in a pattern with the flag `u`, only a surrogate without its other half is one. */
const UNFIT = /[\p{Cc}\p{Zl}\p{Zp}\p{Surrogate}]/u

/**
 * True for what can name a space: the one rule of clients and relays, so that a name which a client takes is not
 * turned away later.
 *
 * @example
 * import { isSpaceName } from '@syncline/protocol'
 *
 * expect(isSpaceName('board/42 – Ärger 🎉')).toBe(true)
 * expect(isSpaceName('two\nlines')).toBe(false)
 */
export function isSpaceName(name: unknown): boolean {
  return typeof name === 'string' && name.length > 0 && name.length <= MAX_SPACE_NAME_LENGTH && !UNFIT.test(name)
}
