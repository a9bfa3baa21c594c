let count = 0

/** A storage name that no other test uses. */
export function freshName(): string {
  return `test ${count++} ${crypto.randomUUID()}`
}
