import { StoreError } from '@syncline/store'
import type { RootDatabase } from 'lmdb'
import { toStoreError } from './problems.ts'

/** Writes to one file, each all or nothing. */
export interface Writing {
  /**
   * Does `work`, which first looks whether it may, throwing `StoreError` when not, and then writes; resolves to what it gives when that is on the disk. Rejects with
   * `StoreError`.
   */
  write<T>(work: () => T): Promise<T>
  /** Resolves when nothing is under way any more. */
  idle(): Promise<void>
}

interface Job {
  run(): void
  settle(failure?: StoreError): void
}

/** Group commit: one batch is on its way to the disk while the next one gathers, so the disk's flushes and not the number of writers set the pace. */
export function createWriting(root: RootDatabase, path: string): Writing {
  let gathering: Job[] = []
  let working: Promise<void> | undefined

  async function work(): Promise<void> {
    // What is asked for in one task is one batch.
    await Promise.resolve()
    while (gathering.length > 0) {
      const batch = gathering
      gathering = []
      let failure: StoreError | undefined
      try {
        // A child transaction is undone whole when it throws, and its promise is that of the commit.
        await root.childTransaction(() => {
          for (const job of batch) job.run()
        })
      } catch (error) {
        failure = await toStoreError(error, path)
      }
      for (const job of batch) job.settle(failure)
    }
    working = undefined
  }

  return {
    write<T>(task: () => T) {
      return new Promise<T>((resolve, reject) => {
        let outcome: { readonly value: T } | { readonly error: StoreError }
        gathering.push({
          run() {
            try {
              outcome = { value: task() }
            } catch (error) {
              // It has written nothing: the others go on.
              if (!(error instanceof StoreError)) throw error
              outcome = { error }
            }
          },
          settle(failure) {
            if (failure !== undefined) reject(failure)
            else if ('error' in outcome) reject(outcome.error)
            else resolve(outcome.value)
          },
        })
        working ??= work()
      })
    },
    idle: async () => working,
  }
}
