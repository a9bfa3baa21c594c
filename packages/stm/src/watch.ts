import { ChangedCells } from './changed.ts'
import { familyIn, memberPrefix, sortedKey, type Group } from './family.ts'
import type { CellKey, Readable } from './ref.ts'

/** Subscriptions by cell. The cost of a commit depends on what it touched, not on how many subscribe. */
export interface Watchers<E> {
  /**
   * Calls `listener` once for each `notify` in which one of `keys` changed. Returns `unsubscribe`, after which it is never called again.
   * Each call is a subscription of its own, also of the same listener.
   */
  subscribe(keys: Iterable<CellKey>, listener: (event: E) => void): () => void
  /** A subscription that may change what it watches and keeps its place in the order. It watches nothing yet. */
  follow(hearer: Hearer<E>): Follower
  /** Calls whoever watches one of the changed cells, in the order of subscription. */
  notify(changed: ReadonlySet<CellKey>, event: E): void
  /** How many subscriptions there are. */
  readonly size: number
  /** Ends all subscriptions. */
  clear(): void
}

/** Who is called. */
export interface Hearer<E> {
  hear(event: E): void
}

/** A subscription whose keys change. */
export interface Follower {
  /** From the next notification on, these cells are watched, and no others; `all` stands for each notification, whatever has changed. */
  watch(keys: Iterable<CellKey> | 'all'): void
  /** Ends the subscription: it is never called again. */
  end(): void
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
  const table = new WatchTable<E>(onError)
  return {
    subscribe(keys, listener) {
      const watch = new Watch(table, { hear: listener })
      watch.watch(keys)
      return () => watch.end()
    },
    follow: (hearer) => new Watch(table, hearer),
    notify: (changed, event) => table.notify(changed, event),
    get size() {
      return table.size
    },
    clear: () => table.clear(),
  }
}

/** One subscription. A class, because thousands are made, and each is another place in memory to go to when it is called. */
class Watch<E> implements Follower {
  readonly order: number
  readonly hearer: Hearer<E>
  keys: readonly CellKey[] | 'all' = noKeys
  /** The notification this was last called in, so that several changed cells give one call. */
  round = 0
  isOver = false
  readonly #table: WatchTable<E>

  constructor(table: WatchTable<E>, hearer: Hearer<E>) {
    this.order = table.join(this)
    this.hearer = hearer
    this.#table = table
  }

  watch(keys: Iterable<CellKey> | 'all'): void {
    if (this.isOver) return
    this.#table.leave(this)
    this.keys = typeof keys === 'string' ? 'all' : eachOnce(keys)
    this.#table.enter(this)
  }

  end(): void {
    if (this.isOver) return
    this.isOver = true
    this.#table.part(this)
  }
}

/** Who watches which cell. */
class WatchTable<E> {
  readonly #onError: (error: unknown) => void
  /** Most cells are watched once, and a Set is many times the size of what it would hold. */
  readonly #byKey = new Map<CellKey, Watch<E> | Set<Watch<E>>>()
  /** Those that hear of each notification. */
  readonly #toAll = new Set<Watch<E>>()
  readonly #all = new Set<Watch<E>>()
  #order = 0
  #round = 0

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError
  }

  get size(): number {
    return this.#all.size
  }

  /** Takes one more, and gives its place in the order. */
  join(watch: Watch<E>): number {
    this.#all.add(watch)
    return this.#order++
  }

  part(watch: Watch<E>): void {
    this.leave(watch)
    this.#all.delete(watch)
  }

  enter(watch: Watch<E>): void {
    if (watch.keys === 'all') {
      this.#toAll.add(watch)
      return
    }
    for (const key of watch.keys) {
      const there = this.#byKey.get(key)
      if (there === undefined) this.#byKey.set(key, watch)
      else if (there instanceof Set) there.add(watch)
      else this.#byKey.set(key, new Set([there, watch]))
    }
  }

  leave(watch: Watch<E>): void {
    if (watch.keys === 'all') {
      this.#toAll.delete(watch)
      return
    }
    for (const key of watch.keys) {
      const there = this.#byKey.get(key)
      if (there === watch) this.#byKey.delete(key)
      else if (there instanceof Set && there.delete(watch) && there.size === 0) this.#byKey.delete(key)
    }
  }

  notify(changed: ReadonlySet<CellKey>, event: E): void {
    const only = changed.size === 1 && this.#toAll.size === 0 ? this.#ofOne(changed) : undefined
    if (only === undefined) this.#notifyMany(changed, event)
    else this.#call(only, event)
  }

  clear(): void {
    // Who is about to be called in a notification that is under way is not called any more.
    for (const watch of this.#all) watch.isOver = true
    this.#all.clear()
    this.#byKey.clear()
    this.#toAll.clear()
  }

  /** The one who watches the one cell that changed, if it is one. */
  #ofOne(changed: ReadonlySet<CellKey>): Watch<E> | undefined {
    const [key] = changed instanceof ChangedCells ? changed.list : changed
    const there = this.#byKey.get(key!)
    return there instanceof Set ? undefined : there
  }

  #notifyMany(changed: ReadonlySet<CellKey>, event: E): void {
    for (const watch of this.#due(changed)) if (!watch.isOver) this.#call(watch, event)
  }

  #due(changed: ReadonlySet<CellKey>): Watch<E>[] {
    this.#round += 1
    const due: Watch<E>[] = []
    for (const key of changed) {
      const there = this.#byKey.get(key)
      if (there instanceof Set) for (const watch of there) this.#collect(watch, due)
      else if (there !== undefined) this.#collect(there, due)
    }
    for (const watch of this.#toAll) this.#collect(watch, due)
    return due.length > 1 ? due.sort((a, b) => a.order - b.order) : due
  }

  #collect(watch: Watch<E>, due: Watch<E>[]): void {
    if (watch.round === this.#round) return
    watch.round = this.#round
    due.push(watch)
  }

  #call(watch: Watch<E>, event: E): void {
    try {
      watch.hearer.hear(event)
    } catch (error) {
      this.#onError(error)
    }
  }
}

const noKeys: readonly CellKey[] = []

/** A list of our own: what becomes of the caller's must not change what is watched. */
function eachOnce(keys: Iterable<CellKey>): readonly CellKey[] {
  return Array.isArray(keys) && keys.length < 2 ? (keys.slice() as CellKey[]) : [...new Set(keys)]
}

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
  // What is not a ref is one of these.
  return sortedKey(familyIn(readable as Group))
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
  return key.startsWith(memberPrefix(familyIn(readable as Group)))
}
