import type { ChangeId } from '@syncline/stm'

/** Promises for what becomes of Changes. A promise exists only where somebody asked, so nothing is ever rejected unheard. */
export interface Waiting {
  /** Settles as the Change does, or rejects with the signal's reason. */
  wait(id: ChangeId, signal: AbortSignal | undefined): Promise<void>
  resolve(id: ChangeId): void
  reject(id: ChangeId, error: Error): void
  /** Whoever waits for `from` waits for `to` from now on. */
  rename(from: ChangeId, to: ChangeId): void
  rejectAll(error: Error): void
}

interface Waiter {
  resolve(): void
  reject(error: unknown): void
}

/** Makes an empty set of promises. */
export function createWaiting(): Waiting {
  const waiters = new Map<ChangeId, Set<Waiter>>()

  function settle(id: ChangeId, end: (waiter: Waiter) => void): void {
    const found = waiters.get(id)
    waiters.delete(id)
    for (const waiter of found ?? []) end(waiter)
  }

  return {
    wait(id, signal) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted === true) {
          reject(signal.reason)
          return
        }
        const waiter: Waiter = {
          resolve() {
            signal?.removeEventListener('abort', abort)
            resolve()
          },
          reject(error) {
            signal?.removeEventListener('abort', abort)
            reject(error)
          },
        }
        const abort = () => {
          for (const set of waiters.values()) set.delete(waiter)
          reject(signal!.reason)
        }
        signal?.addEventListener('abort', abort, { once: true })
        const found = waiters.get(id)
        if (found === undefined) waiters.set(id, new Set([waiter]))
        else found.add(waiter)
      })
    },
    resolve: (id) => settle(id, (waiter) => waiter.resolve()),
    reject: (id, error) => settle(id, (waiter) => waiter.reject(error)),
    rename(from, to) {
      const found = waiters.get(from)
      if (found === undefined) return
      waiters.delete(from)
      waiters.set(to, found)
    },
    rejectAll(error) {
      for (const id of [...waiters.keys()]) settle(id, (waiter) => waiter.reject(error))
    },
  }
}
