const LETTERS = 'abcdefghijklmnopqrstuvwxyz      '

/** Twenty letters and spaces for a row, as people write them: of each row others, and of the same row the same. */
export function titleOf(message: number, row: number): string {
  let state = message * 65_537 + row + 1
  let title = ''
  for (let i = 0; i < 20; i++) {
    // A linear congruence, of which the high bits are good enough for letters.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    title += LETTERS[state >>> 27]
  }
  return title
}
