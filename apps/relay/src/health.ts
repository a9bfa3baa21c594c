import type { LogStorage } from '@syncline/relay'

/** Whether the relay stores what it is given. One whose disk is full runs, and serves what there is, but takes nothing. */
export interface Health {
  /** Whether the last batch could be stored; true before there is one. */
  readonly isStoring: boolean
  /** The same storage, watched. */
  watch(storage: LogStorage): LogStorage
}

/** Makes what `/healthz` tells of. */
export function createHealth(): Health {
  let isStoring = true
  return {
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
