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
