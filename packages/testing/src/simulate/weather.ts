import type { Decider } from './decider.ts'
import type { Faults } from './faults.ts'

/** How long things take when nothing is wrong, and now and then longer. Each drawn from a stream of its own, so that nothing moves anything else. */
export interface Weather {
  /** A message between two tabs. */
  newsMs(party: string): number
  /** An answer about a lock. */
  lockMs(party: string): number
  /** A transaction of a browser's storage. */
  storageMs(party: string): number
  /** An operation of the relay's storage. */
  diskMs(): number
  /** For how long one run of the relay lets gather what comes shortly after a batch. */
  gatherMs(): number
  /** A message on a connection, one way. */
  networkMs(channel: string): number
}

// The first of each is the calmest. Long ones are a part of every schedule: what hides in a moment shows when it lasts.
const NEWS_MS = [0.1, 0.1, 0.2, 0.3, 0.5, 1, 4, 60]
const LOCK_MS = [0.1, 0.1, 0.2, 0.5]
const STORAGE_MS = [0.5, 0.5, 0.7, 1, 1, 2, 5, 40]
const SLOW_STORAGE_MS = [...STORAGE_MS, 400, 900, 2500]
const DISK_MS = [1, 1, 2, 3, 5, 20]
const GATHER_MS = [0, 3, 3]
const NETWORK_MS = [5, 5, 10, 20, 30, 50, 80, 150]
const SLOW_NETWORK_MS = [...NETWORK_MS, 400, 900, 2500, 8000]

/** So long a message takes on a bad network alone, and a call of a browser's storage on a slow disk. */
export const SLOW_MS = 400

/** How often a message on a connection may take as long as a bad network takes, and a call of a browser's storage as long as a slow disk. */
export type Delays = Partial<Pick<Faults, 'delay' | 'storageDelay'>>

export function createWeather(decider: Decider, { delay = 0, storageDelay = 0 }: Delays): Weather {
  const isSlow = (what: string, rate: number): boolean => rate > 0 && decider.happens(what, rate)
  const draw = (stream: string, table: readonly number[]): number => table[decider.choose(stream, table.length)]!
  return {
    newsMs: (party) => draw(`news to ${party}`, NEWS_MS),
    lockMs: (party) => draw(`locks of ${party}`, LOCK_MS),
    storageMs: (party) =>
      draw(`storage of ${party}`, isSlow(`slow disk under ${party}`, storageDelay) ? SLOW_STORAGE_MS : STORAGE_MS),
    diskMs: () => draw('disk of relay', DISK_MS),
    gatherMs: () => draw('gathering of relay', GATHER_MS),
    networkMs: (channel) => draw(`wire ${channel}`, isSlow(`delay ${channel}`, delay) ? SLOW_NETWORK_MS : NETWORK_MS),
  }
}
