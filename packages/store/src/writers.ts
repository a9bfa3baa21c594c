import { CALLED_OFF } from './called-off.ts'
import type { WriterId } from '@syncline/stm'
import { randomId } from './identity.ts'
import type { Chance, HeldLock, Locks } from './ports.ts'

/** The identity under which this tab authors, proven alive to the other tabs by a lock with its name. */
export interface Writers {
  /** Another one after its lock was taken away, as it is from a tab that is frozen. */
  current(): WriterId
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

/** A writer id, and its lock while that is held. */
interface Identity {
  readonly id: WriterId
  lock: HeldLock | undefined
  readonly taken: Promise<void>
}

/** Takes a fresh writer id. Another is kept ready with its lock held, so that `rotate` needs no wait. */
export async function takeWriter(
  locks: Locks | undefined,
  chance: Chance,
  onError: (error: unknown) => void,
): Promise<Writers> {
  /** Of writers of whom this tab is about to say what became of their Changes. */
  const retiring = new Set<HeldLock>()
  const abort = new AbortController()
  let closed = false
  let [current, spare] = [newIdentity(), newIdentity()]
  await Promise.all([current.taken, spare.taken])

  function newIdentity(): Identity {
    const id = randomId(chance)
    const identity: Identity = { id, lock: undefined, taken: take() }
    identity.taken.catch(onError)
    return identity

    async function take(): Promise<void> {
      const held: HeldLock | undefined = await locks?.tryHold(writerLock(id))
      // It may have been passed over before it had its lock.
      if (closed || (identity !== current && identity !== spare)) return held?.release()
      identity.lock = held
      held?.lost.then(() => lose(identity)).catch(onError)
    }
  }

  /** From now on others may settle what was authored under it, as for a dead tab, and so nothing more is. */
  function lose(identity: Identity): void {
    identity.lock = undefined
    if (closed) return
    if (identity === current) goOn()
    else if (identity === spare) spare = newIdentity()
  }

  function goOn(): void {
    current = spare
    spare = newIdentity()
  }

  return {
    current: () => current.id,
    rotate() {
      const old = current.lock
      if (old !== undefined) retiring.add(old)
      // Whoever had it while this is under way would settle the same once more.
      old?.keep()
      goOn()
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
      held.keep()
      retiring.add(held)
      try {
        await settle()
      } finally {
        if (retiring.delete(held)) held.release()
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
      abort.abort(CALLED_OFF)
      for (const one of [current.lock, spare.lock, ...retiring]) one?.release()
      retiring.clear()
    },
  }
}

/** The name of the lock that tells that a writer lives. */
export function writerLock(writer: WriterId): string {
  return `writer ${writer}`
}
