import { sortedKey } from './indexes.ts'
import type { CellKey, Collection, List, Readable } from './ref.ts'

/** Subscriptions by cell. The cost of a commit depends on what it touched, not on how many subscribe. */
export interface Watchers<E> {
  /** Calls `listener` once for each `notify` in which one of `keys` changed. Returns `unsubscribe`, after which it is never called again. */
  subscribe(keys: Iterable<CellKey>, listener: (event: E) => void): () => void
  /** Calls whoever watches one of the changed cells, in the order of subscription. */
  notify(changed: ReadonlySet<CellKey>, event: E): void
  /** How many subscriptions there are. */
  readonly size: number
  /** Ends all subscriptions. */
  clear(): void
}

interface Subscription<E> {
  readonly order: number
  readonly keys: readonly CellKey[]
  readonly listener: (event: E) => void
  active: boolean
  /** The notification this was last called in, so that several changed cells give one call. */
  round: number
}

/** Makes an empty set of subscriptions. A listener that throws is reported to `onError` and harms nobody else. */
export function createWatchers<E>(onError: (error: unknown) => void): Watchers<E> {
  const byKey = new Map<CellKey, Set<Subscription<E>>>()
  let size = 0
  let order = 0
  let round = 0

  function collect(changed: ReadonlySet<CellKey>): Subscription<E>[] {
    round += 1
    const due: Subscription<E>[] = []
    const add = (subscriptions: ReadonlySet<Subscription<E>>) => {
      for (const subscription of subscriptions) {
        if (subscription.round === round) continue
        subscription.round = round
        due.push(subscription)
      }
    }
    if (changed.size <= byKey.size) {
      for (const key of changed) {
        const subscriptions = byKey.get(key)
        if (subscriptions !== undefined) add(subscriptions)
      }
    } else {
      for (const [key, subscriptions] of byKey) if (changed.has(key)) add(subscriptions)
    }
    return due.length > 1 ? due.sort((a, b) => a.order - b.order) : due
  }

  return {
    subscribe(keys, listener) {
      const subscription: Subscription<E> = { order: order++, keys: [...new Set(keys)], listener, active: true, round: 0 }
      for (const key of subscription.keys) {
        const subscriptions = byKey.get(key)
        if (subscriptions === undefined) byKey.set(key, new Set([subscription]))
        else subscriptions.add(subscription)
      }
      size += 1
      return () => {
        if (!subscription.active) return
        subscription.active = false
        size -= 1
        for (const key of subscription.keys) {
          const subscriptions = byKey.get(key)
          subscriptions?.delete(subscription)
          if (subscriptions?.size === 0) byKey.delete(key)
        }
      }
    },
    notify(changed, event) {
      for (const subscription of collect(changed)) {
        if (!subscription.active) continue
        try {
          subscription.listener(event)
        } catch (error) {
          onError(error)
        }
      }
    },
    get size() {
      return size
    },
    clear() {
      for (const subscriptions of byKey.values()) for (const subscription of subscriptions) subscription.active = false
      byKey.clear()
      size = 0
    },
  }
}

/** The cell that changes when, and only when, what `readable` reads changes. */
export function watchKey(readable: Readable<unknown>): CellKey {
  return readable.kind === 'ref' ? readable.key : sortedKey(readable as Collection | List)
}
