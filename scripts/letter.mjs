/** An expected end: its text is for a person, so run.mjs prints it without a stack. */
export class Letter extends Error {
  constructor(letter, options) {
    super(letter, options)
    this.letter = letter
  }
}
