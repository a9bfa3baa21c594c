import type { WriterId } from '@syncline/stm'
import { randomId } from './identity.ts'
import type { Chance, HeldLock, Locks } from './ports.ts'
import { writerLock } from './writers.ts'

/** How other tabs know that this one lives and waits for what it has asked: by a lock that it holds, named by an id of its own. */
export interface Pulse {
  /** An id whose lock is held. Another one after the lock was taken away, as it is from a tab that is frozen. */
  beat(): Promise<WriterId>
  close(): void
}

/** Makes the pulse of one open store. Without locks nobody can feel it. */
export function createPulse(locks: Locks | undefined, chance: Chance): Pulse {
  let held: { readonly id: WriterId; readonly lock: HeldLock | undefined } | undefined
  let taking: Promise<WriterId> | undefined
  let closed = false

  async function take(): Promise<WriterId> {
    const id = randomId(chance)
    const lock = await locks?.tryHold(writerLock(id))
    if (closed) {
      lock?.release()
      return id
    }
    const mine = { id, lock }
    held = mine
    void lock?.lost.then(() => {
      if (held === mine) held = undefined
    })
    return id
  }

  return {
    beat: () =>
      held === undefined ? (taking ??= take().finally(() => (taking = undefined))) : Promise.resolve(held.id),
    close() {
      closed = true
      held?.lock?.release()
      held = undefined
    },
  }
}
