import { CALLED_OFF } from './called-off.ts'
import type { HeldLock, Locks } from './ports.ts'

/** One tab's part in the choice of the tab that does the jobs which must be single: the link to the relay. */
export interface Campaign {
  /** Whether this tab has been elected, though it may not have begun yet. */
  isElected(): boolean
  /** This tab was told that another one has taken over. It stands again at once, behind the others. */
  giveWay(): void
  /** Whoever was elected stands still: this tab takes its place, unless it is elected itself. Nothing happens where no lock can be stolen. */
  takeOver(): void
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
  let isOver = false
  let isElected = false
  /** Ends the wait for the lock. */
  let waiting = new AbortController()
  let lose = (): void => undefined

  async function run(): Promise<void> {
    while (!isOver) {
      const lost = new Promise<void>((resolve) => (lose = resolve))
      const held = locks && (await win(locks))
      if (held === undefined && locks !== undefined) return
      isElected = true
      try {
        if (!isOver) {
          await office.begin()
          if (!isOver) await (held === undefined ? lost : Promise.race([lost, held.lost]))
        }
      } finally {
        isElected = false
        office.end()
        held?.release()
      }
    }
  }

  /** Resolves to the lock when it is free, or robbed; to undefined when it is not wanted any more. */
  async function win({ hold, steal }: Locks): Promise<HeldLock | undefined> {
    while (!isOver) {
      waiting = new AbortController()
      try {
        return await hold(name, waiting.signal)
      } catch (error) {
        if (isOver) return undefined
        if (!waiting.signal.aborted) throw error
      }
      // Of two that steal it at the same time one is robbed before it has it. It waits again, and is told there what else may be wrong.
      const stolen = await steal!(name).catch(() => undefined)
      if (stolen !== undefined) return stolen
    }
    return undefined
  }

  run().catch(office.onError)

  return {
    isElected: () => isElected,
    giveWay: () => lose(),
    takeOver() {
      if (!isElected && locks?.steal !== undefined) waiting.abort(CALLED_OFF)
    },
    stop() {
      isOver = true
      waiting.abort(CALLED_OFF)
      lose()
    },
  }
}
