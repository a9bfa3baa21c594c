import type { Storage } from '../src/index.ts'
import { withLog } from './with-log.ts'
import { settle } from './world.ts'

/** A storage that appends when it is told, once it is held. */
export interface HeldStorage {
  readonly storage: Storage
  hold(): void
  /** Lets the append through that waits the longest, and no other. */
  letOne(): Promise<void>
  letAll(): void
}

export function heldStorage(storage: Storage): HeldStorage {
  const waiting: (() => void)[] = []
  let isHeld = false
  return {
    storage: withLog(storage, (log) => ({
      async append(entry, options) {
        if (isHeld) await new Promise<void>((resolve) => waiting.push(resolve))
        return log.append(entry, options)
      },
    })),
    hold: () => void (isHeld = true),
    async letOne() {
      waiting.shift()?.()
      await settle()
    },
    letAll() {
      isHeld = false
      for (const go of waiting.splice(0)) go()
    },
  }
}
