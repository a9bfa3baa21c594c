/** Counts what happens, by name. */
export interface Tally {
  readonly counts: Readonly<Record<string, number>>
  count(what: string, by?: number): void
}

export function createTally(): Tally {
  const counts: Record<string, number> = {}
  return {
    counts,
    count: (what, by = 1) => void (counts[what] = (counts[what] ?? 0) + by),
  }
}
