import type { AsleepPending } from '@syncline/protocol'
import { changeId, type ChangeId } from '@syncline/stm'
import { atOnce, type Pieces } from './pieces.ts'
import type { Pending } from './pending.ts'

/** Pending Changes that are kept as they lie in the log. */
export interface Asleep {
  readonly lists: readonly AsleepPending[]
  /** Understands those of one list. */
  understood(list: AsleepPending): Pieces<readonly Pending[]>
}

/**
 * The pending Changes of a replica, in order. The first of them may be asleep: kept as they lie in the log, and understood only when somebody asks for one, which a
 * store without a relay may never do.
 */
export class PendingChanges implements ReadonlyMap<ChangeId, Pending> {
  readonly #onAwake: (woken: readonly Pending[]) => void
  #awake = new Map<ChangeId, Pending>()
  #asleep: Asleep | undefined
  /** Those of the lists that are understood: they wake together. */
  #understood: (readonly Pending[])[] = []

  /** `onAwake` is told of those that wake, before anybody gets one. */
  constructor(onAwake: (woken: readonly Pending[]) => void) {
    this.#onAwake = onAwake
  }

  get size(): number {
    return this.asleep.reduce((sum, [count]) => sum + count, this.#awake.size)
  }

  get asleep(): readonly AsleepPending[] {
    return this.#asleep?.lists ?? none
  }

  /** Those that are not. */
  get awake(): Iterable<Pending> {
    return this.#awake.values()
  }

  /** Begins with these, where none is. */
  sleep(asleep: Asleep): void {
    if (asleep.lists.length > 0) this.#asleep = asleep
  }

  /** Understands all. Whoever cannot wait may ask for one meanwhile. */
  *wake(): Pieces<void> {
    const asleep = this.#asleep
    while (asleep !== undefined && asleep === this.#asleep) {
      const next = asleep.lists[this.#understood.length]
      if (next === undefined) {
        this.#rise()
        return
      }
      const place = this.#understood.length
      const one = yield* asleep.understood(next)
      if (asleep === this.#asleep && this.#understood.length === place) this.#understood.push(one)
    }
  }

  #rise(): void {
    const woken = this.#understood.flat()
    const later = this.#awake
    this.#awake = new Map()
    for (const one of woken) this.#awake.set(changeId(one.change), one)
    for (const [id, one] of later) this.#awake.set(id, one)
    this.#asleep = undefined
    this.#understood = []
    this.#onAwake(woken)
  }

  #wakeNow(): ReadonlyMap<ChangeId, Pending> {
    if (this.#asleep !== undefined) atOnce(this.wake())
    return this.#awake
  }

  get(id: ChangeId): Pending | undefined {
    return this.#awake.get(id) ?? this.#wakeNow().get(id)
  }

  has(id: ChangeId): boolean {
    return this.#awake.has(id) || this.#wakeNow().has(id)
  }

  set(id: ChangeId, one: Pending): void {
    this.#awake.set(id, one)
  }

  delete(id: ChangeId): void {
    this.#wakeNow()
    this.#awake.delete(id)
  }

  clear(): void {
    this.#asleep = undefined
    this.#understood = []
    this.#awake.clear()
  }

  keys(): MapIterator<ChangeId> {
    return this.#wakeNow().keys()
  }

  values(): MapIterator<Pending> {
    return this.#wakeNow().values()
  }

  entries(): MapIterator<[ChangeId, Pending]> {
    return this.#wakeNow().entries()
  }

  [Symbol.iterator](): MapIterator<[ChangeId, Pending]> {
    return this.entries()
  }

  forEach(each: (one: Pending, id: ChangeId, all: ReadonlyMap<ChangeId, Pending>) => void): void {
    for (const [id, one] of this.#wakeNow()) each(one, id, this)
  }
}

const none: readonly AsleepPending[] = []
