import { createWatchers, type CellKey, type Memory, type Snapshot } from '@syncline/stm'
import { StoreError } from './errors.ts'
import { createIteration } from './iteration.ts'
import { createPace, type Pace } from './pace.ts'
import type { Clock } from './ports.ts'
import type { ChangesOptions, Report, Selector } from './report.ts'
import type { Applied, Told } from './subscriber.ts'
import { createSubscription, type Sink, type Subscription } from './subscription.ts'
import type { Validity } from './validity.ts'

/** Tells whoever watches what a commit changed: in commit order, each commit once, as a whole. */
export interface Watching {
  /** A commit has become visible: it is told with the next `tell`. */
  note(changed: ReadonlySet<CellKey>, snapshot: Snapshot): void
  /** Tells what was noted. */
  tell(): void
  /** Both at once. */
  publish(changed: ReadonlySet<CellKey>, snapshot: Snapshot): void
  changes(selector: Selector, listener: (report: Report<unknown>) => void, options?: ChangesOptions): () => void
  iterate(selector: Selector, options?: ChangesOptions): AsyncIterator<Report<unknown>, undefined, undefined>
  /** How many subscriptions there are. */
  readonly size: number
  /** Tells throttled readers what waits for the end of their interval. */
  flush(): void
  /** Tells what still waits, then ends all subscriptions. */
  close(): void
}

/** What watching needs of its store. */
export interface WatchingSide {
  readonly memory: Memory
  readonly clock: Clock
  /** The Changes that have been applied and not been noted: filled by the replica, emptied here. */
  readonly applied: Applied[]
  /** Looks at a commit when everybody who watches has been told of it. */
  readonly validity: Pick<Validity, 'isIdle' | 'note' | 'look'>
  /** Gets what listeners and selectors throw. Must not throw. */
  report(error: unknown): void
}

/** Makes the watching of one memory. */
export function createWatching({ memory, clock, applied, validity, report }: WatchingSide): Watching {
  const watchers = createWatchers<Told>(report)
  const subscriptions = new Set<Subscription>()
  const paces = new Map<number, Pace>()
  const queue: Told[] = []
  let telling = false
  let closing = false
  /** Of the newest commit, and what was visible after it. */
  let number = 0
  let newest: Snapshot | undefined
  /** What was visible after the newest commit that everybody was told of. */
  let told: Snapshot | undefined
  /** What was run while commits waited to be told, and now watches what these may have changed: by the number of the last. */
  const unsure = new Map<Subscription, number>()
  /** Iterators that were asked while commits are told. */
  const asked = new Set<Subscription>()

  /** Whether commits are visible that not everybody was told of. */
  function isBehind(): boolean {
    return telling || queue.length > 0
  }

  function note(changed: ReadonlySet<CellKey>, snapshot: Snapshot): void {
    // Most commits are of one Change, and then this is all there is to do with the list.
    const only = applied.length === 1 ? applied.pop() : undefined
    const changes = only === undefined ? applied.splice(0) : [only]
    if (changed.size === 0) return
    validity.note(changed)
    const before = newest ?? snapshot
    newest = snapshot
    number += 1
    if (subscriptions.size === 0 && validity.isIdle && !isBehind()) told = snapshot
    else queue.push({ number, changed, before, now: snapshot, applied: changes })
  }

  function tell(): void {
    // A listener may commit: its commit is told after this one has been told to everybody.
    if (telling || queue.length === 0) return
    telling = true
    try {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) tellOne(next)
    } finally {
      telling = false
    }
    if (asked.size > 0) {
      for (const subscription of [...asked]) subscription.serve()
      asked.clear()
    }
    if (closing) close()
  }

  function tellOne(next: Told): void {
    watchers.notify(next.changed, next)
    for (const [subscription, last] of unsure) {
      if (subscription.heard < next.number) subscription.hear(next)
      if (last <= next.number) unsure.delete(subscription)
    }
    told = next.now
    for (const pace of paces.values()) pace.tend()
    validity.look(next.changed, next.now)
  }

  function subscribe(selector: Selector, options: ChangesOptions, start: Snapshot, sink: Sink): Subscription {
    const everyMs = checkRate(options.every)
    if (options.from !== undefined) checkSnapshot(options.from)
    // Nobody has been told anything yet, so everything that is there is known.
    if (subscriptions.size === 0 && !isBehind()) newest = told = start
    const subscription = createSubscription(selector, options, start, sink, {
      number,
      isAhead: applied.length > 0,
      pace: () => (everyMs === undefined ? undefined : paceOf(everyMs)),
      follow: watchers.follow,
      present: () => told!,
      nowMs: () => clock.nowMs(),
      onKeys(one) {
        if (queue.length > 0) unsure.set(one, number)
      },
      onEnd(one) {
        subscriptions.delete(one)
        unsure.delete(one)
        asked.delete(one)
      },
      report,
    })
    subscriptions.add(subscription)
    return subscription
  }

  function paceOf(everyMs: number): Pace {
    const known = paces.get(everyMs)
    if (known !== undefined) return known
    for (const [rate, pace] of paces) if (pace.isSpent) paces.delete(rate)
    const pace = createPace(everyMs, clock, () => told!)
    paces.set(everyMs, pace)
    return pace
  }

  function checkSnapshot(from: Snapshot): void {
    if (memory.owns(from)) return
    throw new StoreError(
      'unknown-snapshot',
      '`from` is not a Snapshot of this store, so nobody can say what has changed since. Pass a Snapshot that this store gave since it was ' +
        'opened; a basis does not do, nor does a Snapshot of another store or of an earlier opening.',
    )
  }

  function close(): void {
    // What was committed before the closing is told to the end.
    closing = true
    if (isBehind()) return
    for (const subscription of [...subscriptions]) {
      subscription.finish()
      subscription.end()
    }
    watchers.clear()
  }

  return {
    note,
    tell,
    publish(changed, snapshot) {
      note(changed, snapshot)
      tell()
    },
    changes(selector, listener, options = {}) {
      if (options.signal?.aborted === true) return () => undefined
      const start = memory.snapshot
      const subscription = subscribe(selector, options, start, { isReady: true, give: listener, end: () => undefined })
      subscription.start(start)
      return subscription.end
    },
    iterate(selector, options = {}) {
      let subscription: Subscription | undefined
      const iteration = createIteration({
        onAsk() {
          if (isBehind()) asked.add(subscription!)
          else subscription!.serve()
        },
        onReturn: () => subscription?.end(),
      })
      if (closing || options.signal?.aborted === true) iteration.end()
      else subscription = subscribe(selector, options, memory.snapshot, iteration)
      return iteration.iterator
    },
    get size() {
      return subscriptions.size
    },
    flush() {
      for (const pace of [...paces.values()]) pace.flush()
    },
    close,
  }
}

/** An interval that can be kept; undefined for none. */
function checkRate(every: number | undefined): number | undefined {
  if (every === undefined || every === 0) return undefined
  if (Number.isFinite(every) && every > 0) return every
  throw new StoreError(
    'invalid-rate',
    `\`every: ${String(every)}\` is no interval. Use a number of milliseconds, or leave it out to be told of each commit.`,
  )
}
