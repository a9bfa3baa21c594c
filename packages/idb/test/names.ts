let count = 0

/** A storage name that no other test uses. */
export function freshName(): string {
  return `test ${count++} ${crypto.randomUUID()}`
}

/** How long a test waits for something to come true; how long it takes is of no interest. */
export const patient = { timeout: 10_000 }
