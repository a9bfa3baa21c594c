/** What storages say of the calls that are made to them. */
export interface StorageCalls {
  /** One more call is made. */
  asked(): void
  /** A party calls its storage, or says of a call that it is to be carried out. It may die of it. */
  made(party: string): void
  /** A call is about to be carried out; or it was, or has failed, and nobody has heard of it. Between these two nobody looks at the disks. */
  reached(party: string, what: string, moment: Moment): void
  /** A party is told that there is no room for what it writes. */
  declined(party: string): void
  /** A call of a party has taken as long as it takes on a slow disk alone. */
  delayed(party: string): void
}

export type Moment = 'before' | 'after'

/** Calls of storages, at any of which their party may die. */
export interface Calls extends StorageCalls {
  /** The party dies at its next call after so many. */
  dieAt(party: string, after: number, die: () => void): void
  /** Whoever was to die lives. */
  forget(): void
  /** Calls that were made. */
  count(): number
  /** Hears of each moment at which everything may come to an end. */
  onReached: StorageCalls['reached']
}

/** Nobody is interested. */
export const unheard: StorageCalls = {
  asked: () => undefined,
  made: () => undefined,
  reached: () => undefined,
  declined: () => undefined,
  delayed: () => undefined,
}

/** What calls have met with is told to others. */
export function createCalls({ declined, delayed }: Pick<StorageCalls, 'declined' | 'delayed'>): Calls {
  const doomed = new Map<string, { after: number; readonly die: () => void }>()
  let count = 0
  const calls: Calls = {
    count: () => count,
    onReached: () => undefined,
    asked: () => void count++,
    made(party) {
      const fate = doomed.get(party)
      if (fate === undefined || fate.after-- > 0) return
      doomed.delete(party)
      fate.die()
    },
    reached: (party, what, moment) => calls.onReached(party, what, moment),
    declined,
    delayed,
    dieAt: (party, after, die) => void doomed.set(party, { after, die }),
    forget: () => doomed.clear(),
  }
  return calls
}
