import { memberPrefix, sortedKey } from './indexes.ts'
import type { AnyCollection, AnyList, CellKey, Range, Readable } from './ref.ts'

/** Subscriptions by cell. The cost of a commit depends on what it touched, not on how many subscribe. */
export interface Watchers<E> {
  /**
   * Calls `listener` once for each `notify` in which one of `keys` changed. Returns `unsubscribe`, after which it is never called again.
   * Each call is a subscription of its own, also of the same listener.
   */
  subscribe(keys: Iterable<CellKey>, listener: (event: E) => void): () => void
  /** A subscription that may change what it watches and keeps its place in the order. It watches nothing yet. */
  follow(listener: (event: E) => void): Follower
  /** Calls whoever watches one of the changed cells, in the order of subscription. */
  notify(changed: ReadonlySet<CellKey>, event: E): void
  /** How many subscriptions there are. */
  readonly size: number
  /** Ends all subscriptions. */
  clear(): void
}

/** A subscription whose keys change. */
export interface Follower {
  /** From the next notification on, these cells are watched, and no others; `all` stands for whatever changes. */
  watch(keys: Iterable<CellKey> | 'all'): void
  /** Ends the subscription: it is never called again. */
  end(): void
}

interface Subscription<E> {
  readonly order: number
  keys: ReadonlySet<CellKey> | 'all'
  readonly listener: (event: E) => void
  /** The notification this was last called in, so that several changed cells give one call. */
  round: number
}

/**
 * Makes an empty set of subscriptions.
 *
 * A listener that throws is reported to `onError`, which must not throw itself, and harms nobody else. Listeners may subscribe, unsubscribe and notify: who subscribes
 * is called from the next notification on, who is unsubscribed is not called any more.
 *
 * @example
 * import { createWatchers } from '@syncline/stm'
 *
 * const title = register('title', '')
 * const heard: string[] = []
 * const watchers = createWatchers<string>((error) => heard.push(String(error)))
 * const unsubscribe = watchers.subscribe([title.key], (event) => heard.push(event))
 * watchers.notify(new Set([title.key, 'register other']), 'first')
 * unsubscribe()
 * watchers.notify(new Set([title.key]), 'second')
 * expect(heard).toEqual(['first'])
 */
export function createWatchers<E>(onError: (error: unknown) => void): Watchers<E> {
  const byKey = new Map<CellKey, Set<Subscription<E>>>()
  const subscriptions = new Set<Subscription<E>>()
  /** Those that watch whatever changes. */
  const toAll = new Set<Subscription<E>>()
  let order = 0
  let round = 0

  function dueFor(changed: ReadonlySet<CellKey>): Subscription<E>[] {
    round += 1
    const due: Subscription<E>[] = []
    if (changed.size <= byKey.size) {
      for (const key of changed) collect(byKey.get(key), due)
    } else {
      for (const [key, watching] of byKey) if (changed.has(key)) collect(watching, due)
    }
    if (changed.size > 0) collect(toAll, due)
    return due.length > 1 ? due.sort((a, b) => a.order - b.order) : due
  }

  function collect(watching: ReadonlySet<Subscription<E>> | undefined, due: Subscription<E>[]): void {
    if (watching === undefined) return
    for (const subscription of watching) {
      if (subscription.round === round) continue
      subscription.round = round
      due.push(subscription)
    }
  }

  function watch(subscription: Subscription<E>, keys: ReadonlySet<CellKey> | 'all'): void {
    if (!subscriptions.has(subscription)) return
    leave(subscription)
    subscription.keys = keys
    if (keys === 'all') {
      toAll.add(subscription)
      return
    }
    for (const key of keys) {
      const watching = byKey.get(key)
      if (watching === undefined) byKey.set(key, new Set([subscription]))
      else watching.add(subscription)
    }
  }

  function leave(subscription: Subscription<E>): void {
    if (subscription.keys === 'all') {
      toAll.delete(subscription)
      return
    }
    for (const key of subscription.keys) {
      const watching = byKey.get(key)
      watching?.delete(subscription)
      if (watching?.size === 0) byKey.delete(key)
    }
  }

  function follow(listener: (event: E) => void): Follower {
    const subscription: Subscription<E> = { order: order++, keys: noKeys, listener, round: 0 }
    subscriptions.add(subscription)
    return {
      watch: (keys) => watch(subscription, typeof keys === 'string' ? 'all' : new Set(keys)),
      end() {
        if (subscriptions.delete(subscription)) leave(subscription)
      },
    }
  }

  return {
    subscribe(keys, listener) {
      const { watch: watchKeys, end } = follow(listener)
      watchKeys(keys)
      return end
    },
    follow,
    notify(changed, event) {
      for (const subscription of dueFor(changed)) {
        if (!subscriptions.has(subscription)) continue
        try {
          subscription.listener(event)
        } catch (error) {
          onError(error)
        }
      }
    },
    get size() {
      return subscriptions.size
    },
    clear() {
      byKey.clear()
      toAll.clear()
      subscriptions.clear()
    },
  }
}

const noKeys: ReadonlySet<CellKey> = new Set()

/**
 * The cell that changes when, and only when, what `readable` reads changes; for a range that of the whole collection or list. Collections and lists must have been read once: from then on
 * they are kept up to date, and their cells are among those that a commit changed.
 *
 * @example
 * const title = register('title', '')
 * expect(watchKey(title)).toBe(title.key)
 */
export function watchKey(readable: Readable<unknown>): CellKey {
  if (readable.kind === 'ref') return readable.key
  return sortedKey(readable.kind === 'range' ? (readable as Range).of : (readable as AnyCollection | AnyList))
}

/**
 * Whether a write to the cell `key` may change what `readable` reads.
 *
 * @example
 * const title = register('title', '')
 * expect(covers(title, title.key)).toBe(true)
 */
export function covers(readable: Readable<unknown>, key: CellKey): boolean {
  if (readable.kind === 'ref') return readable.key === key
  // What is not a ref is one of these.
  const family = readable.kind === 'range' ? (readable as Range).of : (readable as AnyCollection | AnyList)
  return key.startsWith(memberPrefix(family))
}
