import { blockedError } from './problems.ts'
import type { Surroundings } from './surroundings.ts'

/**
 * How long a tab may take to let go. The browser says "blocked" already when a connection is being closed but still has a transaction to
 * finish, or when the news of its close is on the way; a tab that ignores the request, as old code may, never lets go.
 */
const PATIENCE_MS = 2000

/**
 * Starts to open or to delete a database, and rejects with `storage-blocked` when others keep it from happening; `tooLate` then gets what
 * comes after all.
 */
export function unlessBlocked<T>(
  surroundings: Surroundings,
  name: string,
  asked: string,
  start: (onBlocked: () => void) => Promise<T>,
  tooLate: (result: T) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let isOver = false
    let cancelTimer: (() => void) | undefined
    const end = (): void => {
      isOver = true
      cancelTimer?.()
    }
    const onBlocked = (): void => {
      cancelTimer ??= surroundings.setTimer(PATIENCE_MS, () => {
        end()
        reject(blockedError(name, asked))
      })
    }
    start(onBlocked).then(
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
