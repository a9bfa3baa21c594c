import type { Tally } from './tally.ts'

/** Calls of storages, at any of which their party may die. */
export interface Calls {
  /** A party calls its storage. It may die of it. */
  made(party: string): void
  /** The party dies at its next call after so many. */
  dieAt(party: string, after: number, die: () => void): void
  /** Whoever was to die lives. */
  forget(): void
}

export function createCalls(tally: Tally): Calls {
  const doomed = new Map<string, { after: number; readonly die: () => void }>()
  return {
    made(party) {
      const fate = doomed.get(party)
      if (fate === undefined || fate.after-- > 0) return
      doomed.delete(party)
      tally.count(party === 'relay' ? 'relayCrashInCall' : 'tabCrashInCall')
      fate.die()
    },
    dieAt: (party, after, die) => void doomed.set(party, { after, die }),
    forget: () => doomed.clear(),
  }
}
