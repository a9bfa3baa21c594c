import type { Contender } from '../contender.ts'

/** The limit: a string that nobody else knows. */
export const plain: Contender = {
  name: 'plain string',
  receives: false,
  open() {
    let text = ''
    return {
      edit([at, removed, inserted]) {
        text = text.slice(0, at) + inserted + text.slice(at + removed)
        // Else a string is a plan of how to put it together, which somebody has to carry out in the end.
        flatten(text)
      },
      read: () => text,
    }
  },
}

function flatten(text: string): number {
  return text.charCodeAt(0)
}
