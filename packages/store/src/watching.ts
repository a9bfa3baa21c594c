import { createWatchers, type CellKey, type Memory, type Snapshot } from '@syncline/stm'
import type { Applied } from './applied.ts'
import { StoreError } from './errors.ts'
import type { Told } from './gathered.ts'
import { createIteration } from './iteration.ts'
import { createPace, type Pace } from './pace.ts'
import type { Clock } from './ports.ts'
import type { ChangesOptions, Report, Selector } from './report.ts'
import { Subscription, type Sink, type SubscriptionSide } from './subscription.ts'
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
  size(): number
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
  readonly applied: Applied
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
  /** Commits that wait to be told: the first, and those after it. Mostly there is one at a time. */
  let next: Told | undefined
  const rest: Told[] = []
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
    return telling || next !== undefined
  }

  function note(changed: ReadonlySet<CellKey>, snapshot: Snapshot): void {
    const { changes, origin } = applied
    applied.clear()
    // What changes nothing that can be read here may be a Change all the same: whoever watches everything is told.
    if (changed.size === 0 && changes.length === 0) return
    validity.note(changed)
    const before = newest ?? snapshot
    newest = snapshot
    number += 1
    if (subscriptions.size === 0 && validity.isIdle() && !isBehind()) {
      told = snapshot
      return
    }
    const one: Told = { number, changed, before, now: snapshot, changes, origin }
    if (next === undefined) next = one
    else rest.push(one)
  }

  function tell(): void {
    // A listener may commit: its commit is told after this one has been told to everybody.
    if (telling || next === undefined) return
    telling = true
    try {
      while (next !== undefined) {
        const one: Told = next
        next = rest.shift()
        tellOne(one)
      }
    } finally {
      telling = false
    }
    if (asked.size > 0) {
      for (const subscription of [...asked]) subscription.serve()
      asked.clear()
    }
    if (closing) close()
  }

  function tellOne(one: Told): void {
    watchers.notify(one.changed, one)
    if (unsure.size > 0) tellUnsure(one)
    told = one.now
    if (paces.size > 0) for (const pace of paces.values()) pace.tend()
    if (!validity.isIdle()) validity.look(one.changed, one.now)
  }

  function tellUnsure(one: Told): void {
    for (const [subscription, last] of unsure) {
      if (subscription.heard < one.number) subscription.hear(one)
      if (last <= one.number) unsure.delete(subscription)
    }
  }

  const side: SubscriptionSide = {
    number: () => number,
    isAhead: () => applied.changes.length > 0,
    follow: watchers.follow,
    present: () => told!,
    nowMs: () => clock.nowMs(),
    onKeys(one) {
      if (next !== undefined) unsure.set(one, number)
    },
    onEnd(one) {
      subscriptions.delete(one)
      unsure.delete(one)
      asked.delete(one)
    },
    report,
  }

  function subscribe(selector: Selector, options: ChangesOptions, start: Snapshot, sink: Sink): Subscription {
    const everyMs = checkRate(options.every)
    if (options.from !== undefined) checkSnapshot(options.from)
    // Nobody has been told anything yet, so everything that is there is known.
    if (subscriptions.size === 0 && !isBehind()) newest = told = start
    const pace = (): Pace | undefined => (everyMs === undefined ? undefined : paceOf(everyMs))
    const subscription = new Subscription(selector, options, start, sink, side, pace)
    subscriptions.add(subscription)
    return subscription
  }

  function paceOf(everyMs: number): Pace {
    const known = paces.get(everyMs)
    if (known !== undefined) return known
    for (const [rate, pace] of paces) if (pace.isSpent()) paces.delete(rate)
    const pace = createPace(everyMs, clock, () => told!)
    paces.set(everyMs, pace)
    return pace
  }

  function checkSnapshot(from: Snapshot): void {
    if (memory.owns(from)) return
    throw new StoreError(
      'unknown-snapshot',
      '`from` is not a Snapshot of this store, so nobody can say what has changed since. Pass one that this store gave since it was opened.',
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
      const subscription = subscribe(selector, options, start, { isReady: () => true, give: listener, end: nothing })
      subscription.start(start)
      return () => subscription.end()
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
    size: () => subscriptions.size,
    flush() {
      for (const pace of [...paces.values()]) pace.flush()
    },
    close,
  }
}

const nothing = (): void => undefined

/** An interval that can be kept; undefined for none. */
function checkRate(every: number | undefined): number | undefined {
  if (every === undefined || every === 0) return undefined
  if (Number.isFinite(every) && every > 0) return every
  throw new StoreError(
    'invalid-rate',
    `\`every: ${String(every)}\` is no interval. Use a number of milliseconds, or leave it out to be told of each commit.`,
  )
}
