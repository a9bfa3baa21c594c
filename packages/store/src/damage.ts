import { StoreError } from './errors.ts'
import type { Pieces } from './pieces.ts'
import type { Log } from './ports.ts'

/** What of this device's log cannot be understood. It is set aside, so that nothing is destroyed and nobody reads it again, and all else is taken in. */
export interface Damage {
  /** Takes in what an entry says; `take` throws `storage-damaged`, having done nothing, for one that cannot be understood. */
  unless(position: number, take: () => void): void
  /** The same in pieces. */
  unlessInPieces(position: number, take: () => Pieces<unknown>): Pieces<void>
  /** Something at this position is no entry. */
  note(position: number, reason: string): void
  /** Sets aside what was noted since the last time, and says so. Resolves when that is stored, or cannot be. */
  setAside(log: Log): Promise<void>
  /** Tells of what somebody else has found and set aside. */
  tell(error: StoreError): void
  /** What was found last. */
  found(): StoreError | undefined
}

/** So many are named in words. */
const MOST_NAMED = 3

/** Knows of no damage yet. `onFound` is told once of what is set aside together. */
export function createDamage(space: string, onFound: (error: StoreError) => void): Damage {
  let noted: { readonly position: number; readonly reason: string }[] = []
  let found: StoreError | undefined

  function noteDamage(position: number, error: unknown): void {
    if (!(error instanceof StoreError && error.code === 'storage-damaged')) throw error
    noted.push({ position, reason: error.cause instanceof Error ? error.cause.message : error.message })
  }

  function tell(error: StoreError): void {
    found = error
    onFound(error)
  }

  return {
    tell,
    unless(position, take) {
      try {
        take()
      } catch (error) {
        noteDamage(position, error)
      }
    },
    *unlessInPieces(position, take) {
      try {
        yield* take()
      } catch (error) {
        noteDamage(position, error)
      }
    },
    note(position, reason) {
      noted.push({ position, reason })
    },
    async setAside(log) {
      if (noted.length === 0) return
      const now = noted
      noted = []
      tell(damagedError(space, now))
      // What cannot be set aside now is found again by who opens the log next.
      await Promise.allSettled(now.map(({ position, reason }) => log.setAside(position, reason)))
    },
    found: () => found,
  }
}

function damagedError(
  space: string,
  noted: readonly { readonly position: number; readonly reason: string }[],
): StoreError {
  const named = noted.slice(0, MOST_NAMED).map(({ position, reason }) => `entry ${position}: ${reason}`)
  if (noted.length > MOST_NAMED) named.push(`and ${noted.length - MOST_NAMED} more`)
  return new StoreError(
    'storage-damaged',
    `${noted.length} of the entries that this device has stored of "${space}" cannot be read (${named.join('; ')}). They were set aside, all others were loaded. ` +
      'What the relay has of them comes back; what was in them alone is lost. verifyDatabase() of @syncline/idb/care lists them.',
  )
}
