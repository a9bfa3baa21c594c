import type { Storage } from '../src/index.ts'
import { withLog } from './with-log.ts'

/** What becomes of an append. */
interface Answer {
  readonly isStored: boolean
  readonly error: Error | undefined
}

/** A storage whose appends can be held, and which can be out of order, or gone. */
export interface Fragile {
  readonly storage: Storage
  /** Why nothing can be read or written. */
  reason: Error | undefined
  /** Whether appends wait, to be let go of by `answer`. */
  isHeld: boolean
  /** Ends the append that waits: it is stored, or not, and refused for the reason that there is now. */
  answer(isStored: boolean): void
  lose(error: Error): void
}

export function fragile(base: Storage): Fragile {
  const waiting: ((answer: Answer) => void)[] = []
  let tell: ((error: Error) => void) | undefined
  const fragility: Fragile = {
    reason: undefined,
    isHeld: false,
    answer: (isStored) => waiting.shift()!({ isStored, error: fragility.reason }),
    lose(error) {
      fragility.reason = error
      tell!(error)
    },
    storage: withLog(base, (log) => ({
      async append(entry, options) {
        const { isStored, error } = fragility.isHeld
          ? await new Promise<Answer>((resolve) => waiting.push(resolve))
          : { isStored: fragility.reason === undefined, error: fragility.reason }
        const position = isStored ? await log.append(entry, options) : 0
        if (error !== undefined) throw error
        return position
      },
      async read(after, each) {
        if (fragility.reason !== undefined) throw fragility.reason
        return log.read(after, each)
      },
      onLost(listener) {
        tell = listener
        return () => (tell = undefined)
      },
    })),
  }
  return fragility
}
