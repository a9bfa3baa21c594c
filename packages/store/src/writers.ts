import type { WriterId } from '@syncline/stm'
import { randomId } from './identity.ts'
import type { Chance, HeldLock, Locks } from './ports.ts'

/** The identity under which this tab authors, proven alive to the other tabs by a lock with its name. */
export interface Writers {
  readonly current: WriterId
  /** Goes on under a fresh id: the old one is ended. */
  rotate(): void
  /** Runs `settle` while nobody else can author for `writer`, unless its tab is alive. */
  forDead(writer: WriterId, settle: () => Promise<void>): Promise<void>
  close(): void
}

/** Takes a fresh writer id. Another is kept ready with its lock held, so that `rotate` needs no wait. */
export async function takeWriter(
  locks: Locks | undefined,
  chance: Chance,
  onError: (error: unknown) => void,
): Promise<Writers> {
  let closed = false
  let current = randomId(chance)
  let lock = await locks?.tryHold(lockName(current))
  let spare = randomId(chance)
  let spareLock = await locks?.tryHold(lockName(spare))

  async function prepare(id: WriterId): Promise<void> {
    const held: HeldLock | undefined = await locks?.tryHold(lockName(id))
    if (closed || spare !== id) held?.release()
    else spareLock = held
  }

  return {
    get current() {
      return current
    },
    rotate() {
      lock?.release()
      current = spare
      lock = spareLock
      spare = randomId(chance)
      spareLock = undefined
      prepare(spare).catch(onError)
    },
    async forDead(writer, settle) {
      const held = await locks?.tryHold(lockName(writer))
      if (locks !== undefined && held === undefined) return
      try {
        await settle()
      } finally {
        held?.release()
      }
    },
    close() {
      closed = true
      lock?.release()
      spareLock?.release()
    },
  }
}

function lockName(writer: WriterId): string {
  return `writer ${writer}`
}
