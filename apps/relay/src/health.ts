import type { LogStorage } from '@syncline/relay'

/** How the relay is. One whose disk is full runs, and serves what there is, but takes nothing. */
export interface Health {
  /** Whether clients should be sent here: not any more when it is about to stop. */
  readonly isReady: boolean
  /** Whether the last batch could be stored; true before there is one. */
  readonly isStoring: boolean
  /** The same storage, watched. */
  watch(storage: LogStorage): LogStorage
  /** It is about to stop. */
  drain(): void
}

/** Makes what `/healthz` and `/readyz` tell of. */
export function createHealth(): Health {
  let isStoring = true
  let isReady = true
  return {
    get isReady() {
      return isReady
    },
    drain: () => void (isReady = false),
    get isStoring() {
      return isStoring
    },
    watch: (storage) => ({
      ...storage,
      async append(batch) {
        try {
          await storage.append(batch)
          isStoring = true
        } catch (error) {
          isStoring = false
          throw error
        }
      },
    }),
  }
}
