import type { Log, Storage } from '../src/index.ts'

/** A storage whose logs are other ones: those of another storage, with what is made of them. */
export function withLog(storage: Storage, change: (log: Log) => Partial<Log>): Storage {
  return {
    ...storage,
    async openLog(space) {
      const log = await storage.openLog(space)
      return { ...log, ...change(log) }
    },
  }
}
