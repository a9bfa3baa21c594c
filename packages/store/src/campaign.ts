import { CALLED_OFF } from './called-off.ts'
import type { HeldLock, Locks } from './ports.ts'

/** One tab's part in the choice of the tab that does the jobs which must be single: the link to the relay. */
export interface Campaign {
  /** This tab was told that another one has taken over. It stands again at once, behind the others. */
  giveWay(): void
  stop(): void
}

/** What an elected tab does. */
export interface Office {
  /** Called while the lock is held. Resolves when the work has begun. */
  begin(): Promise<void>
  /** Called before the lock is let go, or after it was taken away. */
  end(): void
  onError(error: unknown): void
}

/** Stands for an office, named by a lock, until stopped. Without locks every tab is elected. */
export function stand(locks: Locks | undefined, name: string, office: Office): Campaign {
  const abort = new AbortController()
  let lose = (): void => undefined

  async function run(): Promise<void> {
    while (!abort.signal.aborted) {
      const lost = new Promise<void>((resolve) => (lose = resolve))
      let held: HeldLock | undefined
      try {
        held = await locks?.hold(name, abort.signal)
      } catch (error) {
        if (abort.signal.aborted) return
        throw error
      }
      try {
        if (!abort.signal.aborted) {
          await office.begin()
          if (!abort.signal.aborted) await (held === undefined ? lost : Promise.race([lost, held.lost]))
        }
      } finally {
        office.end()
        held?.release()
      }
    }
  }

  run().catch(office.onError)

  return {
    giveWay: () => lose(),
    stop() {
      abort.abort(CALLED_OFF)
      lose()
    },
  }
}
