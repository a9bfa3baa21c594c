import { blockedError } from './problems.ts'
import type { Surroundings } from './surroundings.ts'

/**
 * How long a tab may take to let go. The browser says "blocked" already when a connection is being closed but still has a transaction to
 * finish, or when the news of its close is on the way; a tab that ignores the request, as old code may, never lets go.
 */
const PATIENCE_MS = 2000

/** How long it may take that nothing is heard. What stands behind somebody else's deletion that does not get on is told nothing, "blocked" neither. */
const SILENCE_MS = 15_000

/**
 * Starts to open or to delete a database, and rejects with `storage-blocked` when others keep it from happening; `tooLate` then gets what
 * comes after all. What has begun, as an upgrade, takes as long as it takes.
 */
export function unlessBlocked<T>(
  surroundings: Surroundings,
  name: string,
  asked: string,
  start: (onBlocked: () => void, onBegun: () => void) => Promise<T>,
  tooLate: (result: T) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let isOver = false
    const giveUp = (): void => {
      end()
      reject(blockedError(name, asked))
    }
    let cancelTimer = surroundings.setTimer(SILENCE_MS, giveUp)
    const end = (): void => {
      isOver = true
      cancelTimer()
    }
    const onBlocked = (): void => {
      if (isOver) return
      cancelTimer()
      cancelTimer = surroundings.setTimer(PATIENCE_MS, giveUp)
    }
    start(onBlocked, () => cancelTimer()).then(
      (result) => {
        if (isOver) {
          tooLate(result)
          return
        }
        end()
        resolve(result)
      },
      (error: unknown) => {
        end()
        reject(error)
      },
    )
  })
}

/** How long somebody who stands still in the middle of a transaction is waited for. */
const STANDSTILL_MS = 10_000

/** Resolves as `reading` does, and rejects with `storage-blocked` when nothing comes of it: another tab stands still in the middle of a transaction. */
export function unlessStill<T>(
  { setTimer }: Pick<Surroundings, 'setTimer'>,
  name: string,
  asked: string,
  reading: Promise<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => reject(blockedError(name, asked))
    // In two halves: where this page stood still itself, the first is over when it goes on, and what has come meanwhile is heard in the second.
    let cancelTimer = setTimer(STANDSTILL_MS / 2, () => (cancelTimer = setTimer(STANDSTILL_MS / 2, giveUp)))
    reading.finally(() => cancelTimer()).then(resolve, reject)
  })
}
