import type { HeldLock, Locks } from '@syncline/store'
import { originWide } from './format.ts'
import { createFreezing } from './freezing.ts'
import { nameOf } from './problems.ts'
import type { Surroundings } from './surroundings.ts'

/**
 * Locks among the tabs that use the storage called `name`, by the Web Locks API; undefined where there are none.
 *
 * A frozen page keeps what it holds, and is given what it waits for, although it cannot do the work. So on `freeze` a tab lets go of
 * both, and waits again when it is thawed. Not of what it shares: that says only that the page is there.
 */
export function createWebLocks(name: string, { locks: manager, page }: Surroundings): Locks | undefined {
  if (manager === undefined) return undefined
  const freezing = createFreezing(page)

  /** Resolves to the lock, or to undefined when it was not free and `options` say not to wait. */
  function request(key: string, options: LockOptions): Promise<HeldLock | undefined> {
    return new Promise((resolve, reject) => {
      let lose: () => void
      const lost = new Promise<void>((resolveLost) => (lose = resolveLost))
      let free: () => void
      const freed = new Promise<void>((resolveFreed) => (free = resolveFreed))
      /** While the lock is held: ends that, and tells whether it was so. */
      let end = (): boolean => false

      const granted = (lock: Lock | null): Promise<void> | undefined => {
        if (lock === null) {
          resolve(undefined)
          return undefined
        }
        return new Promise((letGo) => {
          const isShared = options.mode === 'shared'
          const stopWatching = freezing.watch(() => {
            if (!isShared && end()) lose()
          })
          end = () => {
            end = () => false
            stopWatching()
            letGo()
            return true
          }
          resolve({ release: () => void end(), keep: stopWatching, lost, freed })
        })
      }
      manager!
        .request(originWide(name, key), options, granted)
        .catch((error: unknown) => {
          // Rejected while held: somebody has stolen it. Before: it was not waited for any longer, or is not allowed here.
          if (end()) lose()
          else reject(error)
        })
        .finally(() => free())
    })
  }

  return {
    async hold(key, signal) {
      for (;;) {
        // Nothing is awaited otherwise: the page must not freeze between the look and the request.
        const thaw = freezing.untilThawed()
        if (thaw !== undefined) await thaw
        signal.throwIfAborted()
        const frozen = new AbortController()
        const stopWatching = freezing.watch(() => frozen.abort('frozen'))
        try {
          const held = await request(key, { signal: AbortSignal.any([signal, frozen.signal]) })
          return held!
        } catch (error) {
          // Robbed before it was told that it holds the lock, it waits again.
          if (signal.aborted || !(frozen.signal.aborted || nameOf(error) === 'AbortError')) throw error
        } finally {
          stopWatching()
        }
      }
    },
    async tryHold(key) {
      return request(key, { ifAvailable: true })
    },
    steal: async (key) => (await request(key, { steal: true }))!,
    async share(key, signal) {
      signal.throwIfAborted()
      const held = await request(key, { mode: 'shared', signal })
      return held!
    },
  }
}
