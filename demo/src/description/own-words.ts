/**
 * What was saved last in this browser, so that "what you wrote" can be told from what somebody else wrote: it is known to nobody else, so it
 * is no part of the board.
 */
export function rememberOwn(space: string, cardId: string, text: string): void {
  try {
    localStorage.setItem(keyOf(space, cardId), text)
  } catch {
    // A browser that is full, or keeps nothing, only cannot tell which side is whose.
  }
}

export function recallOwn(space: string, cardId: string): string | undefined {
  try {
    return localStorage.getItem(keyOf(space, cardId)) ?? undefined
  } catch {
    return undefined
  }
}

function keyOf(space: string, cardId: string): string {
  return `syncline-demo:description:${space}:${cardId}`
}
