import type { WriterId } from '@syncline/stm'
import { randomId } from './identity.ts'
import type { Chance, HeldLock, Locks } from './ports.ts'

/** The identity under which this tab authors, proven alive to the other tabs by a lock with its name. */
export interface Writers {
  readonly current: WriterId
  /**
   * Goes on under a fresh id. Nobody else may author for the old one until `retire` is called: when what became of its Changes is in
   * the log, where everybody sees it.
   */
  rotate(): { retire(): void }
  /**
   * Runs `settle` while nobody else can author for `writer`: when its tab is dead, or has let it go. Resolves after that, or on `close()`.
   * Without locks nobody can know when that is, and nothing is done: its Changes stay pending.
   */
  forDead(writer: WriterId, settle: () => Promise<void>): Promise<void>
  /** Whether the tab of `writer` is there and holds its lock. Without locks nobody can know, and none is. */
  isAlive(writer: WriterId): Promise<boolean>
  close(): void
}

/** Takes a fresh writer id. Another is kept ready with its lock held, so that `rotate` needs no wait. */
export async function takeWriter(
  locks: Locks | undefined,
  chance: Chance,
  onError: (error: unknown) => void,
): Promise<Writers> {
  const retiring = new Set<HeldLock>()
  const abort = new AbortController()
  let closed = false
  let current = randomId(chance)
  let lock = await locks?.tryHold(writerLock(current))
  let spare = randomId(chance)
  let spareLock = await locks?.tryHold(writerLock(spare))

  async function prepare(id: WriterId): Promise<void> {
    const held: HeldLock | undefined = await locks?.tryHold(writerLock(id))
    if (closed || spare !== id) held?.release()
    else spareLock = held
  }

  return {
    get current() {
      return current
    },
    rotate() {
      const old = lock
      if (old !== undefined) retiring.add(old)
      current = spare
      lock = spareLock
      spare = randomId(chance)
      spareLock = undefined
      prepare(spare).catch(onError)
      return {
        retire() {
          if (old !== undefined && retiring.delete(old)) old.release()
        },
      }
    },
    async forDead(writer, settle) {
      let held: HeldLock | undefined
      try {
        held = await locks?.hold(writerLock(writer), abort.signal)
      } catch (error) {
        if (abort.signal.aborted) return
        throw error
      }
      if (held === undefined) return
      try {
        await settle()
      } finally {
        held.release()
      }
    },
    async isAlive(writer) {
      if (locks === undefined) return false
      const held = await locks.tryHold(writerLock(writer))
      held?.release()
      return held === undefined
    },
    close() {
      closed = true
      abort.abort()
      for (const one of [lock, spareLock, ...retiring]) one?.release()
      retiring.clear()
    },
  }
}

/** The name of the lock that tells that a writer lives. */
export function writerLock(writer: WriterId): string {
  return `writer ${writer}`
}
