import type { Storage } from '@syncline/store'

/** A storage whose logs are replaced by checkpoints while somebody watches. */
export interface Replacing {
  readonly storage: Storage
  /** Resolves when the first is about to be. */
  readonly begun: Promise<void>
  /** Resolves when it has been: how large the checkpoint is, and how long it took to put it there. */
  readonly over: Promise<{ readonly bytes: number; readonly replaceMs: number }>
}

export function watchReplacing(storage: Storage): Replacing {
  let begin: () => void
  const begun = new Promise<void>((resolve) => (begin = resolve))
  let end: (found: Awaited<Replacing['over']>) => void
  const over = new Promise<Awaited<Replacing['over']>>((resolve) => (end = resolve))
  return {
    storage: {
      ...storage,
      async openLog(space) {
        const log = await storage.openLog(space)
        return {
          ...log,
          async replace(upTo, entries, claim) {
            begin()
            const bytes = entries.reduce((sum, { length }) => sum + length, 0)
            const begunMs = performance.now()
            await log.replace(upTo, entries, claim)
            end({ bytes, replaceMs: performance.now() - begunMs })
          },
        }
      },
    },
    begun,
    over,
  }
}
